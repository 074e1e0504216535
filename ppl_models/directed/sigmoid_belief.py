"""Sigmoid belief net, Pyro (Neal 1992)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_latent_dims,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.binary_layer import BinaryLayer, mean_given
from ppl_models.networks.latent_variables.latent_structure import belief_net
from ppl_models.networks.start_values import output_bias

__all__ = ["SigmoidBeliefNet"]


class SigmoidBeliefNet(PyroPair):
    """Layers of binary units, each layer generating the one below it, the data the lowest.

    Story, for each datum n, with s(h) = h or 2 h - 1 (`units`):

        hL_n ~ Bernoulli(logits = c_L)                             (latent_dims[-1],)
        hl_n ~ Bernoulli(logits = W_l s(h(l+1)_n) + c_l)           (latent_dims[l - 1],)
        x_n  ~ Bernoulli(logits = W_0 s(h1_n) + c_0)               (data_dim,)
        guide: h1_n ~ Bernoulli(logits = V_1 x_n + d_1), hl_n ~ Bernoulli(V_l s(h(l-1)_n) + d_l)

    With `autoregressive`, every layer of the model, x included, has connections from each of its
    units to those after it, logits_i + sum_{j < i} A_ij s(h_j), of the data A_ij x_j, as in a deep
    autoregressive network (Gregor et al. 2014, arXiv:1310.8499); an autoregressive guide has them
    in the guide's layers. Under `WakeSleep()` the pair is the Helmholtz machine of Hinton et al.
    1995.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        latent_dims: units of each layer, the one next to the data first.
        units: `"binary"` or `"signed"`: whether the layers above the data are seen as {0, 1} or
            {-1, 1}. Data are seen as they are (a background of -1 in 784 pixels moves every unit
            of the guide at once, and more of them come to rest), and a site's values are in {0, 1}.
        autoregressive: whether the model's layers have connections within.
        guide: `"factorial"` or `"autoregressive"`.
        data_mean: mean of the training data, shape (data_dim,). When given, c_0 starts at its
            logit.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dims: Sequence[int] = (200,),
        units: str = "binary",
        autoregressive: bool = False,
        guide: str = "factorial",
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dims = check_latent_dims(latent_dims, least=1)
        signed = check_choice("units", units, ("binary", "signed")) == "signed"
        lateral = check_flag("autoregressive", autoregressive)
        guide_lateral = check_choice("guide", guide, ("factorial", "autoregressive")) != "factorial"
        random = torch.Generator().manual_seed(check_seed(seed))
        sizes, within = (data_dim, *self.latent_dims), (lateral, guide_lateral)
        down, up = belief_net(sizes, signed=signed, autoregressive=within)
        self.decoder = nn.ModuleList(BinaryLayer(layer, random) for layer in down)
        self.encoder = nn.ModuleList(BinaryLayer(layer, random) for layer in up)
        if data_mean is not None:
            cast(BinaryLayer, self.decoder[0]).set_bias(
                output_bias(data_mean, data_dim, "bernoulli")
            )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean.

        In an autoregressive model it is each pixel's mean given the pixels before it.
        """
        self.register("decoder")
        lowest, *layers = self.decoder
        with pyro.plate("data", size if x is None else len(x)):
            h = None
            for depth, layer in reversed(list(enumerate(layers, start=1))):
                h = pyro.sample(f"h{depth}", layer(h))
            likelihood = lowest(h)
            value = pyro.sample("x", likelihood, obs=x)
        return mean_given(likelihood, value)

    def guide(self, x: Tensor) -> None:
        """Propose h1, h2 ... from the data upwards."""
        self.register("encoder")
        with pyro.plate("data", len(x)):
            h = x
            for depth, layer in enumerate(self.encoder, start=1):
                h = pyro.sample(f"h{depth}", layer(h))
