"""One level of a pyramid of generators, NumPyro: noise, and an image made larger, to a residual."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module

from ppl_models._batches import Conditioned
from ppl_models.networks.latent_variables.latents_numpyro import normal, side_by_side
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.observations.condition import OptionalCondition


class Level(Conditioned):
    """The level of `_level.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int,
        coarsest: bool,
        latent_dim: int,
        hidden: Sequence[int],
        activation: str,
        noise_scale: float,
        seed: int,
    ) -> None:
        self.data_dim, self.latent_dim, self.noise_scale = data_dim, latent_dim, noise_scale
        self.condition = OptionalCondition(None, None if coarsest else data_dim)
        beside = self.condition.width
        random = nnx.Rngs(seed)
        self.encoder = MLP(
            [data_dim + beside, *reversed(hidden), 2 * latent_dim], activation, random
        )
        self.decoder = MLP([latent_dim + beside, *hidden, data_dim], activation, random)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; the mean."""
        rows = self.condition.rows(x, y, size)
        decoder = nnx_module("decoder", self.decoder)
        noise = dist.Normal(jnp.zeros(self.latent_dim), 1.0).to_event(1)
        with numpyro.plate("data", rows):
            z = jnp.asarray(numpyro.sample("z", noise))
            output = decoder(side_by_side([z] if y is None else [z, y]))
            numpyro.sample("x", dist.Normal(output, self.noise_scale).to_event(1), obs=x)
        return output

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose z, shape (N, latent_dim)."""
        rows = self.condition.rows(x, y, None)
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", rows):
            numpyro.sample("z", normal(encoder(side_by_side([x] if y is None else [x, y]))))
