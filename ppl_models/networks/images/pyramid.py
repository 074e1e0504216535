"""Images at halved sizes as rows of pixels: which pixel comes of which; no framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.image_arguments import check_sides


class Pyramid:
    """An image at several sizes, each half of the next, as flat rows.

    Down is the mean of 2 x 2 pixels, up is each pixel four times. An image is the coarsest one and
    the residuals, what each size has beyond the coarser one made as large:

        x_l = up(x_(l-1)) + residual_l

    Args:
        image_shape: height and width of the finest size.
        levels: how many sizes.

    Raises:
        ValueError: if the image cannot be halved so often.

    Attributes:
        shapes: height and width of each size, the coarsest first.
        parents: of each size but the coarsest, the coarser pixel that each pixel is part of.
        children: the same, the four pixels of each coarser pixel, (pixels, 4).
    """

    def __init__(self, image_shape: Sequence[int], levels: int) -> None:
        height, width = check_sides(image_shape)
        factor = 2 ** (levels - 1)
        if height % factor or width % factor:
            raise ValueError(
                f"image_shape must be (height, width) divisible by {factor}, to be halved "
                f"{levels - 1} times for levels={levels}; got {(height, width)}."
            )
        self.shapes = [
            (height * 2**level // factor, width * 2**level // factor) for level in range(levels)
        ]
        self.parents: list[NDArray[np.int32]] = []
        self.children: list[NDArray[np.int32]] = []
        for height, width in self.shapes[1:]:
            row, column = np.divmod(np.arange(height * width), width)
            parents = row // 2 * (width // 2) + column // 2
            children = np.argsort(parents, kind="stable").reshape(-1, 4)
            # Of 64 bits jax would make others, and take them for these in either precision.
            self.parents.append(parents.astype(np.int32))
            self.children.append(children.astype(np.int32))

    @property
    def sizes(self) -> list[int]:
        """Pixels of each size."""
        return [height * width for height, width in self.shapes]

    def parts(self, x: Any) -> list[Any]:
        """The coarsest image and the residuals of images (..., pixels)."""
        images = [x]
        for children in reversed(self.children):
            images.insert(0, images[0][..., children].mean(-1))
        residuals = [
            finer - coarser[..., parents]
            for coarser, finer, parents in zip(images[:-1], images[1:], self.parents, strict=True)
        ]
        return [images[0], *residuals]

    def whole(self, parts: Sequence[Any]) -> Any:
        """The images (..., pixels) of what `parts` gives."""
        image, *residuals = parts
        for residual, parents in zip(residuals, self.parents, strict=True):
            image = image[..., parents] + residual
        return image
