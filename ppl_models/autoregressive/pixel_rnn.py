"""PixelRNN, Pyro (van den Oord, Kalchbrenner & Kavukcuoglu 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ppl_models.autoregressive._pixels import PixelPair
from ppl_models.networks.arguments import check_choice, check_seed, check_size
from ppl_models.networks.images.pixel_networks import PixelNetwork
from ppl_models.networks.images.pixel_recurrent import CELLS, Recurrent

__all__ = ["PixelRNN"]


class PixelRNN(PixelPair):
    """Images pixel by pixel, each from those above and to the left, by recurrent layers.

    Story, for each datum n, given its class y_n where there are classes, and pixel i in raster
    order:

        x_ni ~ Bernoulli(logits = network(x_n, y_n)_i)                (height * width,)
           or  level k / (levels - 1) with probability softmax(network(x_n, y_n)_i)_k
           or  sum_k w_k DiscretisedLogistic(m_k, s_k),  (w, m, log s) = network(x_n, y_n)_i

    where the network's output at a pixel sees no pixel but those before it. A 7x7 convolution with
    mask A is followed by layers h + 1x1(lstm(h)). A row LSTM takes a row at a step, and a state
    sees a triangle above it; a diagonal BiLSTM goes on from the pixel beside and the one above,
    from the left and from the right, and sees every pixel before, but for the last one of the row
    above where that is far (van den Oord et al. 2016, arXiv:1601.06759). There are no latents:
    `ELBO()` is the exact log-likelihood. Rows of x are flat grey images.

    Args:
        image_shape: height and width.
        cell: `"row"` or `"diagonal"`.
        channels: feature maps of the hidden layers; a state has half of them.
        layers: recurrent layers.
        likelihood: `"bernoulli"` for x in {0, 1}, `"categorical"` or `"logistic-mixture"` for grey
            levels, the multiples of 1 / (levels - 1) from 0 to 1.
        levels: how many there are, of those.
        components: of the mixture.
        classes: number of classes y, whole numbers from 0; 0 for a pair that takes x alone.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        cell: str = "diagonal",
        channels: int = 32,
        layers: int = 3,
        likelihood: str = "bernoulli",
        levels: int = 256,
        components: int = 5,
        classes: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, levels, components, classes)
        check_choice("cell", cell, CELLS)
        check_size("channels", channels)
        check_size("layers", layers)
        generator = torch.Generator().manual_seed(check_seed(seed))
        self.network = PixelNetwork(
            self.image_shape,
            channels,
            Recurrent(channels, layers, classes, generator, cell=cell),
            start=self.pixel.start(),
            generator=generator,
        )
