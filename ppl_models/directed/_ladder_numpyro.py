"""The ladder guide of layers of Gaussian latents, NumPyro (Sonderby et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.latent_variables.latents_numpyro import precision_weighted
from ppl_models.networks.mlp_numpyro import MLP


class LadderPair(Pair):
    """The base of `_ladder.py` on NumPyro."""

    engine = "numpyro"
    latent_dims: Sequence[int]
    encoders: list[MLP]
    decoders: list[MLP]

    def _descend(self, x: jax.Array, encoders: list[Callable[..., Any]]) -> None:
        """The ladder: up without draws, then down with them."""
        decoders = registered("decoders", self.decoders)
        estimates, features = [], x
        for encoder in encoders:
            features, output = encoder(features)
            estimates.append(tuple(jnp.split(output, 2, axis=-1)))
        top = len(self.latent_dims)
        mean, log_scale = estimates.pop()
        z = numpyro.sample(f"z{top}", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))
        for level in reversed(range(1, top)):
            own, own_log_scale = jnp.split(decoders[level](z), 2, axis=-1)
            mean, log_scale = precision_weighted(estimates.pop(), (own, own_log_scale))
            z = numpyro.sample(f"z{level}", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))


def registered(name: str, networks: list[MLP]) -> list[Callable[..., Any]]:
    """Networks side by side, on the program's tape by number."""
    return [nnx_module(f"{name}.{level}", network) for level, network in enumerate(networks)]
