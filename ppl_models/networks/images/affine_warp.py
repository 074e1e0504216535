"""A map that turns, stretches and shifts images: six numbers for all of them (torch)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ppl_models.networks.image_arguments import check_sides, turn_matrix


class AffineWarp(nn.Module):
    """An affine warp of flat images, (..., height * width) to the same, whose theta is trained.

    The sampler of spatial transformers (Jaderberg et al. 2015, arXiv:1506.02025, equations 1 and
    5), with one theta = (A, b) for all images in the place of a network that finds each its own.
    With p = (across, down) a pixel's place from the middle of the image, in pixels, and zeros
    outside of the image,

        y(p) = sum_q x(q) k(s_1 - q_1) k(s_2 - q_2),   s = A p + b,   k(d) = max(0, 1 - |d|)

    so that y is linear in x, under a matrix of few free numbers. It is of use where maps are to be
    found with little to hold on to, such as `to_x` and `to_y` of the pair `cycle_gan`. Where a
    place s is a whole pixel, k has no derivative, and the gradient is the mean of both sides', the
    central difference.

    A call makes the matrix of (height * width)^2 entries.

    Args:
        image_shape: height and width.
        angle: by which images are turned at the start, in degrees, against the clock as `np.rot90`
            turns them; A starts as that turn and b at zero.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, image_shape: Sequence[int], *, angle: float = 0.0) -> None:
        super().__init__()
        self.image_shape = check_sides(image_shape)
        self.matrix = nn.Parameter(
            torch.tensor(turn_matrix(angle), dtype=torch.get_default_dtype())
        )
        self.shift = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        """The images at the places that the pixels are sent to."""
        places = self._places()
        sent = places @ self.matrix.T + self.shift
        apart = sent[:, None] - places
        near = torch.maximum(torch.zeros_like(apart), 1 - apart.abs())  # at a tie half of the slope
        return x @ (near[..., 0] * near[..., 1]).T

    def _places(self) -> Tensor:
        """Each pixel's place from the middle, (height * width, 2)."""
        height, width = self.image_shape
        down, across = (
            torch.arange(side, dtype=self.shift.dtype, device=self.shift.device) - (side - 1) / 2
            for side in (height, width)
        )
        return torch.cartesian_prod(down, across).flip(-1)
