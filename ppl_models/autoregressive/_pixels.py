"""What models of images pixel by pixel share: the one site, and classes; Pyro."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import pyro
from torch import Tensor

from ppl_models._batches import Conditioned
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_grey_levels, check_size
from ppl_models.networks.image_arguments import check_sides
from ppl_models.networks.images.pixel_networks import PixelNetwork
from ppl_models.networks.images.pixels import PIXELS, Pixel, PixelLaw
from ppl_models.networks.observations.condition import OptionalClasses
from ppl_models.networks.observations.labels import condition_input


class PixelPair(Conditioned, PyroPair):
    """A pair with one site, x, drawn in raster order, and an empty guide.

    Args:
        image_shape: height and width.
        likelihood: one of `pixels.PIXELS`.
        levels: of grey.
        components: of a mixture.
        classes: number of classes; 0 for a pair that takes x alone.

    Attributes:
        network: gives what a pixel's law is made of.

    Raises:
        ValueError: if an argument is out of range.
    """

    network: PixelNetwork

    def __init__(
        self,
        image_shape: Sequence[int],
        likelihood: str,
        levels: int,
        components: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.image_shape = check_sides(image_shape)
        self.data_dim = prod(self.image_shape)
        self.condition = OptionalClasses(classes)
        check_choice("likelihood", likelihood, PIXELS)
        self.pixel = Pixel(
            likelihood, check_grey_levels(levels), check_size("components", components)
        )

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, height * width), or draw `size` rows, or one for each y.

        Returns each pixel's mean given those before, which depends on the draw and is no datum.
        """
        rows, given = self.condition.rows(x, y, size), self._given(y)
        self.register("network")
        with pyro.plate("data", rows):
            law = PixelLaw(self.network, self.pixel, given, (rows,))
            value = pyro.sample("x", law, obs=x)
        return law.mean_given(value)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x), or log p(x | y)."""

    def _given(self, y: Tensor | None) -> Tensor | None:
        """The classes as one-hot, (N, classes)."""
        if y is None:
            return None
        return condition_input(y, self.condition.classes, next(self.network.parameters()))
