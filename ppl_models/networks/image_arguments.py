"""Checks on the images that a pair is told of; they import no framework."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.networks.arguments import check_size, check_sizes


def check_sides(shape: Iterable[int]) -> tuple[int, int]:
    """Return (height, width) if that is the shape of a grey image.

    Raises:
        ValueError: if it is not.
    """
    sizes = check_sizes("image_shape", shape)
    if len(sizes) != 2:
        raise ValueError(
            f"image_shape must be (height, width), such as (28, 28), got {sizes}; images have one "
            "channel."
        )
    return sizes[0], sizes[1]


def check_image_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) if two strided convolutions can halve both, and undo it.

    Raises:
        ValueError: if they are not two multiples of 4.
    """
    sizes = check_sizes("image_shape", shape)
    if len(sizes) != 2 or sizes[0] % 4 or sizes[1] % 4:
        raise ValueError(
            "image_shape must be (height, width), both divisible by 4 because two layers of "
            f"stride 2 halve them twice, such as (28, 28) or (8, 8); got {sizes}."
        )
    return sizes[0], sizes[1]


def check_windows(
    data_dim: int, read_size: int, write_size: int, *, attention: bool
) -> tuple[int, int] | tuple[None, None]:
    """Return the sizes of two grids of filters if the image is square and both fit into it.

    Without attention there are none, and only that they are sizes is checked.

    Raises:
        ValueError: if the image is not square, or a size is out of range.
    """
    check_size("read_size", read_size)
    check_size("write_size", write_size)
    if not attention:
        return None, None
    side = math.isqrt(data_dim)
    if side**2 != data_dim:
        raise ValueError(
            f"attention moves over square images, but data_dim={data_dim} is no square number; pad "
            f"the images, for example to {(side + 1) ** 2} pixels, or use attention=False."
        )
    for name, size in (("read_size", read_size), ("write_size", write_size)):
        if size > side:
            raise ValueError(
                f"{name} must be at most {side}, the side of the image, got {size}; a grid of "
                "filters has to fit into it."
            )
    return read_size, write_size


def turn_matrix(angle: float) -> NDArray[np.float64]:
    """Where a turned image takes its pixels from, as a matrix of (across, down).

    Args:
        angle: in degrees, against the clock.

    Raises:
        ValueError: if it is no finite number.
    """
    number = isinstance(angle, (int, float)) and not isinstance(angle, bool)
    if not number or not math.isfinite(angle):
        raise ValueError(f"angle must be a finite number of degrees, got {shown(angle)}.")
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[cosine, -sine], [sine, cosine]])
