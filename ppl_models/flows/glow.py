"""Glow, Pyro (Kingma & Dhariwal 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from ppl_models.flows._density import FlowNetwork
from ppl_models.flows._flow_pair import FlowPair
from ppl_models.flows._image_steps import Images, Scale
from ppl_models.flows._plan import check_plan
from ppl_models.networks.arguments import check_seed, check_size, check_sizes

__all__ = ["Glow"]


class Glow(FlowPair):
    """A normalising flow of images by convolutions, on several scales; its density is exact.

    Story, for each datum n:

        u_n ~ Normal(0, I)                                          (height * width,)
        x_n = f(u_n)                                                (height * width,)
        log p(x) = log p(u) + log |du/dx|

    as one site x. From x to u each scale makes channels of blocks of 2 x 2 pixels, takes `depth`
    steps of a normalised channel (its first minibatch's mean and variance decide where it starts),
    an invertible 1x1 convolution and an affine coupling of half of the channels to the others, and
    hands half of the channels on; the others are noise given those (Kingma & Dhariwal 2018,
    arXiv:1807.03039). Rows of x are flat grey images. The noise of grey levels is as in `flow`.

    Args:
        image_shape: height and width, divisible by 2 as often as there are scales.
        scales: how many.
        depth: steps of each.
        channels: hidden channels of the couplings' networks.
        preprocess: `"none"`, or `"logit"` for data in [0, 1], as in `flow`.
        margin: of that.
        dequantisation: `"none"`, or `"uniform"` or `"variational"` for grey levels.
        levels: how many there are, of those.
        noise_length: number of coupling steps of the variational noise.
        noise_hidden: hidden sizes of its networks.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (8, 8),
        scales: int = 2,
        depth: int = 4,
        channels: int = 32,
        preprocess: str = "none",
        margin: float = 0.05,
        dequantisation: str = "none",
        levels: int = 256,
        noise_length: int = 2,
        noise_hidden: Sequence[int] = (128,),
        seed: int = 0,
    ) -> None:
        super().__init__(None, None)
        shape = check_sizes("image_shape", image_shape)
        check_size("scales", scales)
        if len(shape) != 2 or any(side % 2**scales for side in shape):
            raise ValueError(
                f"image_shape must be (height, width), both divisible by {2**scales} because each "
                f"of {scales} scales halves them, got {shape}; use fewer scales."
            )
        self.data_dim = prod(shape)
        random = torch.Generator().manual_seed(check_seed(seed))
        scale = Scale(
            (1, shape[0], shape[1]),
            scales,
            check_size("depth", depth),
            check_size("channels", channels),
            random,
        )
        steps = [*self._before(preprocess, margin), Images((shape[0], shape[1]), scale)]
        self.flow = FlowNetwork(steps)
        plan = check_plan(
            kind="realnvp",
            data_dim=self.data_dim,
            length=check_size("noise_length", noise_length),
            hidden=check_sizes("noise_hidden", noise_hidden),
            activation="relu",
            batch_norm=False,
            permutations="reverse",
            rescale=True,
            bins=1,
            bound=1.0,
            context=0,
            seed=seed,
        )
        self._dequantise(dequantisation, levels, noise_length, plan, random)
