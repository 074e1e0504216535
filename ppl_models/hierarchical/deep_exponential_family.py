"""Deep exponential families, Pyro (Ranganath, Tang, Charlin & Blei 2015, arXiv:1411.2581)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.hierarchical._positive_layers import layer, product, proposal
from ppl_models.hierarchical._positive_start import encoder_start, weights_start
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.hierarchical._topics_start import Counts
from ppl_models.networks.arguments import (
    check_choice,
    check_latent_dims,
    check_network,
    check_positive,
    check_size,
)
from ppl_models.networks.mlp import MLP

__all__ = ["DeepExponentialFamily"]


class DeepExponentialFamily(Counts, PyroPair):
    """Layers of positive latents, each the next one's mean through positive weights; counts.

    Story, with L = len(latent_dims) layers from the data upwards, and a = `shape`:

        weights_l ~ Gamma(weight_shape, weight_rate)    of all data, (size of layer l, size below)
        z_nL ~ Gamma(a, a)                                   or LogNormal(0, scale)
        z_nl ~ Gamma(a, a / m), m = z_n(l+1) weights_(l+1)   or LogNormal(log m, scale)
        x_n ~ Poisson(z_n1 weights_1)                                           (data_dim,)

    m is the mean of a Gamma, the median of a log-normal. Each product has 1e-6 added, as a sum of
    small draws may round to zero. With a < 1 most latents are near zero: the sparse Gamma.

    Guide: mean field of the kind `guide`, independent for each weight, and for each latent with a
    mean (log-normal: median) and a width that a network gives of log(1 + x). The order of the units
    is arbitrary, and so is how a product is shared among its factors. One layer of one unit is
    conjugate, but for that 1e-6: given the weights w, z_n is Gamma(a + sum_v x_nv, a + sum_v w_v).

    Args:
        data_dim: columns of x.
        latent_dims: units of each layer, from the data upwards.
        data_size: number of all rows, where training sees a part of them at a time.
        latent: `"gamma"` or `"log-normal"`.
        shape: of Gamma latents.
        scale: of log-normal latents.
        weight_shape: of the weights' prior.
        weight_rate: of the same; weight_shape / weight_rate is their mean.
        guide: `"log-normal"` or `"gamma"`.
        hidden: hidden sizes of the guide's network.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        seed: seed of the guide's initial parameters.
    """

    counted = "events"

    def __init__(
        self,
        *,
        data_dim: int = 25,
        latent_dims: Sequence[int] = (10, 5),
        data_size: int | None = None,
        latent: str = "gamma",
        shape: float = 0.3,
        scale: float = 1.0,
        weight_shape: float = 0.3,
        weight_rate: float = 0.3,
        guide: str = "log-normal",
        hidden: Sequence[int] = (100,),
        activation: str = "softplus",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dims = check_latent_dims(latent_dims, least=1)
        self.data_size = check_data_size(data_size)
        self.latent = check_choice("latent", latent, ("gamma", "log-normal"))
        shape, scale = check_positive("shape", shape), check_positive("scale", scale)
        self.parameter = shape if latent == "gamma" else scale
        self.weight_shape = check_positive("weight_shape", weight_shape)
        self.weight_rate = check_positive("weight_rate", weight_rate)
        self.kind = check_choice("guide", guide, ("log-normal", "gamma"))
        hidden = check_network(hidden, activation)
        mean = weight_shape / weight_rate
        self.add_parameters(weights_start(data_dim, self.latent_dims, mean, seed))
        sizes = [data_dim, *hidden, 2 * sum(self.latent_dims)]
        self.encoder = MLP(sizes, activation, torch.Generator().manual_seed(seed))
        self.encoder.set_output_bias(encoder_start(self.latent_dims))

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        weights = []
        for number, _ in enumerate(self.latent_dims, start=1):
            ones = torch.ones_like(getattr(self, f"levels{number}"))
            prior = dist.Gamma(self.weight_shape * ones, self.weight_rate * ones).to_event(2)
            weights.append(pyro.sample(f"weights{number}", prior))
        total, here = plate_size(x, size, self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            mean = next(self.parameters()).new_ones(self.latent_dims[-1])
            for number in range(len(weights), 0, -1):
                z = pyro.sample(f"z{number}", layer(self.latent, mean, self.parameter))
                mean = product(z, weights[number - 1])
            pyro.sample("x", dist.Poisson(mean).to_event(1), obs=x)
        return mean

    def guide(self, x: Tensor) -> None:
        """Propose the weights, and z1, z2, ..., shapes (N, latent_dims[l])."""
        self.register()
        for number, _ in enumerate(self.latent_dims, start=1):
            level, width = (getattr(self, f"{name}{number}") for name in ("levels", "widths"))
            pyro.sample(f"weights{number}", proposal(self.kind, level, width).to_event(2))
        total, here = plate_size(x, 1, self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            output = self.encoder((1 + x).log())
            parts = output.split([2 * size for size in self.latent_dims], dim=-1)
            for number, part in enumerate(parts, start=1):
                level, width = part.chunk(2, dim=-1)
                pyro.sample(f"z{number}", proposal(self.kind, level, width).to_event(1))
