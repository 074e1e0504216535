"""PixelCNN, Pyro (van den Oord, Kalchbrenner & Kavukcuoglu 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ppl_models.autoregressive._pixels import PixelPair
from ppl_models.networks.arguments import check_flag, check_seed, check_size
from ppl_models.networks.images.pixel_networks import Gated, PixelNetwork, Plain

__all__ = ["PixelCNN"]


class PixelCNN(PixelPair):
    """Images pixel by pixel, each from those above and to the left, by masked convolutions.

    Story, for each datum n, given its class y_n where there are classes, and pixel i in raster
    order:

        x_ni ~ Bernoulli(logits = network(x_n, y_n)_i)                (height * width,)
           or  level k / (levels - 1) with probability softmax(network(x_n, y_n)_i)_k
           or  sum_k w_k DiscretisedLogistic(m_k, s_k),  (w, m, log s) = network(x_n, y_n)_i

    where the network's output at a pixel sees no pixel but those before it. Its first layer is 7x7
    with mask A, the others are 3x3 or larger with mask B: residual blocks (van den Oord et al.
    2016, arXiv:1601.06759), or gated layers in two stacks, of the rows above and of the pixels to
    the left, which leave no blind spot (arXiv:1606.05328). The mixture is that of PixelCNN++
    (Salimans et al. 2017, arXiv:1701.05517). There are no latents: `ELBO()` is the exact
    log-likelihood. Rows of x are flat grey images.

    Args:
        image_shape: height and width.
        channels: feature maps of the hidden layers; a residual block has half of them inside.
        blocks: residual blocks, or gated layers, after the first layer.
        gated: which of the two.
        places: whether each pixel has biases of its own in the first layer, by which the network
            knows where it is in the image.
        reach: pixels that the later layers see to each side and above: 1 is 3x3, 3 is 7x7.
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
        channels: int = 32,
        blocks: int = 7,
        gated: bool = False,
        places: bool = False,
        reach: int = 1,
        likelihood: str = "bernoulli",
        levels: int = 256,
        components: int = 5,
        classes: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(image_shape, likelihood, levels, components, classes)
        check_size("channels", channels)
        check_size("blocks", blocks)
        check_size("reach", reach)
        kind = Gated if check_flag("gated", gated) else Plain
        shape = self.image_shape if check_flag("places", places) else None
        generator = torch.Generator().manual_seed(check_seed(seed))
        self.network = PixelNetwork(
            self.image_shape,
            channels,
            kind(channels, blocks, classes, generator, places=shape, reach=reach),
            start=self.pixel.start(),
            generator=generator,
        )
