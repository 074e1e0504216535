"""Grids of filters over an image: whether one fits, where it starts; it imports no framework."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_size


def check_windows(data_dim: int, read_size: int, write_size: int) -> tuple[int, int]:
    """Return the two sizes if the image is square and both grids fit into it.

    Raises:
        ValueError: if the image is not square, or a size is out of range.
    """
    side = math.isqrt(data_dim)
    if side**2 != data_dim:
        raise ValueError(
            f"attention moves over square images, but data_dim={data_dim} is no square number; pad "
            f"the images, for example to {(side + 1) ** 2} pixels, or use attention=False."
        )
    for name, size in (("read_size", read_size), ("write_size", write_size)):
        if check_size(name, size) > side:
            raise ValueError(
                f"{name} must be at most {side}, the side of the image, got {size}; a grid of "
                "filters has to fit into it."
            )
    return read_size, write_size


def tiling(size: int, side: int, intensity: float = 1.0) -> NDArray[np.float32]:
    """The parameters of `filterbank`, (5,), with which a grid sees, or paints, all of the image.

    The filters are `side / size` apart and half as wide. With parameters of zero they would be one
    pixel wide, and a grid of two by two would look at the four corners, where most images are
    empty: nothing would ever draw it elsewhere.
    """
    stride = side / size
    apart = stride * max(size - 1, 1) / max(side - 1, 1)
    wanted = (1.0, 1.0, (stride / 2) ** 2, apart, intensity)
    return np.log(wanted).astype(np.float32)
