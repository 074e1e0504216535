"""PixelCNN, Pyro (van den Oord, Kalchbrenner & Kavukcuoglu 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import pyro
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.condition import OptionalClasses
from ppl_models.networks.pixel_networks import PixelNetwork
from ppl_models.networks.pixels import PIXELS, Pixel, PixelLaw

__all__ = ["PixelCNN"]


class PixelCNN(PyroPair):
    """Images pixel by pixel, each from those above and to the left, by masked convolutions.

    Story, for each datum n, given its class y_n where there are classes, and pixel i in raster
    order:

        x_ni ~ Bernoulli(logits = network(x_n, y_n)_i)                (height * width,)
           or  level k / (levels - 1) with probability softmax(network(x_n, y_n)_i)_k
           or  sum_k w_k DiscretisedLogistic(m_k, s_k),  (w, m, log s) = network(x_n, y_n)_i

    where the network's output at a pixel sees no pixel but those before it. Its first layer is 7x7
    with mask A, the others 3x3 with mask B: residual blocks (van den Oord et al. 2016,
    arXiv:1601.06759), or gated layers in two stacks, of the rows above and of the pixels to the
    left, which leave no blind spot (arXiv:1606.05328). The mixture is that of PixelCNN++ (Salimans
    et al. 2017, arXiv:1701.05517). There are no latents: `ELBO()` is the exact log-likelihood.
    Rows of x are flat grey images.

    Args:
        image_shape: height and width.
        channels: feature maps of the hidden layers; a residual block has half of them inside.
        blocks: residual blocks, or gated layers, after the first layer.
        gated: which of the two.
        likelihood: `"bernoulli"` for x in {0, 1}, `"categorical"` or `"logistic-mixture"` for grey
            levels, the multiples of 1 / (levels - 1) from 0 to 1.
        levels: how many there are, of those.
        components: of the mixture.
        classes: number of classes y, whole numbers from 0; 0 for a pair that takes x alone.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        blocks: int = 7,
        gated: bool = False,
        likelihood: str = "bernoulli",
        levels: int = 256,
        components: int = 5,
        classes: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        shape = check_sizes("image_shape", image_shape)
        if len(shape) != 2:
            raise ValueError(
                f"image_shape must be (height, width), such as (28, 28), got {shape}; images have "
                "one channel."
            )
        self.data_dim = prod(shape)
        self.optional = OptionalClasses(classes)
        check_choice("likelihood", likelihood, PIXELS)
        if check_size("levels", levels) < 2:
            raise ValueError("levels must be at least 2, got 1; 8-bit grey has 256.")
        self.pixel = Pixel(likelihood, levels, check_size("components", components))
        self.network = PixelNetwork(
            (shape[0], shape[1]),
            check_size("channels", channels),
            check_size("blocks", blocks),
            gated=check_flag("gated", gated),
            classes=classes,
            start=self.pixel.start(),
            generator=torch.Generator().manual_seed(check_seed(seed)),
        )

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, height * width), or draw `size` rows, or one for each y.

        Returns each pixel's mean given those before, which depends on the draw and is no datum.
        """
        rows, given = self.optional.rows(x, y, size), self._given(y)
        self.register("network")
        with pyro.plate("data", rows):
            law = PixelLaw(self.network, self.pixel, given, (rows,))
            value = pyro.sample("x", law, obs=x)
        return law.mean_given(value)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x), or log p(x | y)."""

    def check_batch(self, *arrays: Any) -> None:
        """Refuse classes that are missing, that are not the pair's, or that it does not take."""
        self.optional.check(arrays)

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data, and a class where there are classes."""
        return (*super().example(), *self.optional.example())

    def _given(self, y: Tensor | None) -> Tensor | None:
        """The classes as one-hot, (N, classes)."""
        if y is None:
            return None
        self.optional.check_values(y.detach().cpu().numpy())
        like = next(self.network.parameters())
        return torch.nn.functional.one_hot(y.long(), self.optional.classes).to(like)
