"""Conditional variational auto-encoder, NumPyro (Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models.directed._conditional_numpyro import ConditionalPair
from ppl_models.networks.arguments import check_choice, check_network, check_seed, check_size
from ppl_models.networks.latent_variables.latents_numpyro import normal
from ppl_models.networks.mlp_numpyro import MLP, TwoInputMLP
from ppl_models.networks.start_values import start_at_mean

__all__ = ["ConditionalVAE"]


class ConditionalVAE(ConditionalPair):
    """The pair of `conditional_vae.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        classes: int | None = None,
        condition_dim: int | None = None,
        latent_dim: int = 50,
        hidden: Sequence[int] = (500, 500),
        activation: str = "relu",
        prior: str = "conditional",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(data_dim, classes, condition_dim, likelihood, noise_scale)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        conditional = check_choice("prior", prior, ("conditional", "standard")) == "conditional"
        random = nnx.Rngs(check_seed(seed))
        width, gaussian = self.condition.width, [*hidden, 2 * latent_dim]
        decoded = [*reversed(hidden), data_dim]
        self.encoder = TwoInputMLP((data_dim, width), gaussian, activation, random)
        self.decoder = TwoInputMLP((latent_dim, width), decoded, activation, random)
        self.prior = MLP([width, *gaussian], activation, random) if conditional else None
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)

    def _prior(self, condition: jax.Array) -> dist.Distribution:
        if self.prior is None:
            return dist.Normal(jnp.zeros(self.latent_dim), 1.0).to_event(1)
        return normal(nnx_module("prior", self.prior)(condition))

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the likelihood's mean.

        `size` is the number of rows of y, and need not be given.
        """
        condition = self._condition(x, y, size)
        decoder = nnx_module("decoder", self.decoder)
        with numpyro.plate("data", len(condition)):
            z = numpyro.sample("z", self._prior(condition))
            fn = self.likelihood(decoder(z, condition))
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose z, shape (N, latent_dim), from a diagonal Gaussian."""
        condition = self._condition(x, y, None)
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", normal(encoder(x, condition)))
