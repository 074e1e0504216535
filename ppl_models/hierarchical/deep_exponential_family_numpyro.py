"""Deep exponential families, NumPyro (Ranganath et al. 2015, arXiv:1411.2581)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.hierarchical._positive_layers_numpyro import Gamma, layer, product, proposal
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
from ppl_models.networks.mlp_numpyro import MLP

__all__ = ["DeepExponentialFamily"]


class DeepExponentialFamily(Counts, ArrayPair):
    """The pair of `deep_exponential_family.py` on NumPyro."""

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
        self.initial = weights_start(data_dim, self.latent_dims, mean, seed)
        sizes = [data_dim, *hidden, 2 * sum(self.latent_dims)]
        self.encoder = MLP(sizes, activation, nnx.Rngs(seed))
        self.encoder.set_output_bias(encoder_start(self.latent_dims))

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        weights: list[Any] = []
        for number, _ in enumerate(self.latent_dims, start=1):
            ones = jnp.ones(self.initial[f"levels{number}"].shape)
            prior = Gamma(self.weight_shape * ones, self.weight_rate * ones).to_event(2)
            weights.append(numpyro.sample(f"weights{number}", prior))
        total, here = plate_size(x, size, self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            mean = jnp.ones(self.latent_dims[-1])
            for number in range(len(weights), 0, -1):
                z = numpyro.sample(f"z{number}", layer(self.latent, mean, self.parameter))
                mean = product(z, weights[number - 1])
            numpyro.sample("x", dist.Poisson(mean).to_event(1), obs=x)
        return mean

    def guide(self, x: jax.Array) -> None:
        """Propose the weights, and z1, z2, ..., shapes (N, latent_dims[l])."""
        for number, _ in enumerate(self.latent_dims, start=1):
            level, width = (self._param(f"{name}{number}") for name in ("levels", "widths"))
            numpyro.sample(f"weights{number}", proposal(self.kind, level, width).to_event(2))
        total, here = plate_size(x, 1, self.data_size)
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", total, subsample_size=here):
            ends = np.cumsum([2 * size for size in self.latent_dims])[:-1]
            parts = jnp.split(encoder(jnp.log1p(x)), ends, axis=-1)
            for number, part in enumerate(parts, start=1):
                level, width = jnp.split(part, 2, axis=-1)
                numpyro.sample(f"z{number}", proposal(self.kind, level, width).to_event(1))
