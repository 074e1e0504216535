"""Whether a grid of filters fits an image; it imports no framework."""

from __future__ import annotations

import math

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
