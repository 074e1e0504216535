"""Pictures as data URIs: PNG, lossless, many small images in one."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def atlas(images: NDArray[np.uint8], columns: int) -> str:
    """Images of shape (N, height, width) in rows of `columns`, without gaps, as a data URI."""
    return _png(Image.fromarray(_tiled(images, columns)))


def sheet(images: NDArray[Any], columns: int) -> tuple[str, int]:
    """Images between 0 and 1, `columns` to a row, and how many pixels are no number.

    Images lie a pixel apart. Gaps, and pixels that are not finite, are transparent: they show the
    page and no grey value.
    """
    finite = np.isfinite(images)
    grey = np.where(finite, np.clip(images, 0, 1), 0)
    levels = np.round(grey * 255).astype(np.uint8)
    apart = ((0, 0), (0, 1), (0, 1))
    layers = [
        _tiled(np.pad(layer, apart), columns)[:-1, :-1]
        for layer in (levels, np.where(finite, 255, 0).astype(np.uint8))
    ]
    return _png(Image.fromarray(np.stack(layers, axis=-1))), int((~finite).sum())


def _tiled(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """(N, height, width) as one picture; the places left over are 0."""
    count, height, width = images.shape
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width), dtype=np.uint8)
    full[:count] = images
    tiles = full.reshape(rows, columns, height, width)
    return tiles.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def _png(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
