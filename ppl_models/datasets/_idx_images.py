"""Grey images and their labels from the IDX files in which MNIST and its kin are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._files import PublishedFile, find
from ppl_models.datasets._formats import REMEDY, read_idx


def grey_images(file: PublishedFile, rows: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Grey values in [0, 1], shape (rows, height * width).

    Raises:
        ValueError: if the file is damaged, or holds other images.
        FileNotFoundError: if it is neither on this machine nor to be downloaded.
    """
    path = find(file)
    pixels = read_idx(path, axes=3)
    if pixels.shape != (rows, *shape):
        raise wrong(path, expected=f"bytes of shape {(rows, *shape)}", got=f"shape {pixels.shape}")
    return np.divide(pixels.reshape(rows, -1), 255, dtype=np.float32)


def labels_of(file: PublishedFile, rows: int) -> NDArray[np.int64]:
    """Classes from 0 to 9, shape (rows,); raises what `grey_images` does."""
    path = find(file)
    labels = read_idx(path, axes=1)
    if len(labels) != rows:
        raise wrong(path, expected=f"{rows} labels", got=f"{len(labels)}")
    if labels.max() > 9:
        raise wrong(path, expected="labels from 0 to 9", got=f"the label {labels.max()}")
    return labels.astype(np.int64)


def wrong(path: Path, *, expected: str, got: str) -> ValueError:
    """The error for a file that holds something else."""
    return ValueError(f"{path} should hold {expected}; it holds {got}. {REMEDY}")
