"""A network that predicts x from a condition, NumPyro (the baseline of Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models.directed._conditional_numpyro import ConditionalPair
from ppl_models.networks.arguments import check_network, check_seed
from ppl_models.networks.mlp_numpyro import Rung
from ppl_models.networks.observations.likelihoods_numpyro import Classes
from ppl_models.networks.start_values import start_at_mean

__all__ = ["ConditionalNetwork"]


class ConditionalNetwork(ConditionalPair):
    """The pair of `conditional_network.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        classes: int | None = None,
        condition_dim: int | None = None,
        hidden: Sequence[int] = (500, 500),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        kinds = ("bernoulli", "gaussian", "categorical")
        super().__init__(data_dim, classes, condition_dim, likelihood, noise_scale, kinds)
        hidden = check_network(hidden, activation)
        if likelihood == "categorical" and data_mean is not None:
            raise ValueError("data_mean is a mean of columns; leave it out with classes.")
        random = nnx.Rngs(check_seed(seed))
        self.network = Rung([self.condition.width, *hidden, data_dim], activation, random)
        start_at_mean(self.network, data_mean, data_dim, likelihood)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the likelihood's mean.

        `size` is the number of rows of y, and need not be given.
        """
        condition = self._condition(x, y, size)
        network = nnx_module("network", self.network)
        with numpyro.plate("data", len(condition)):
            features, output = network(condition)
            numpyro.deterministic("features", features)
            fn = self.likelihood(output)
            seen = x
            if isinstance(self.likelihood, Classes) and x is not None:
                fn, seen = self.likelihood.observed(fn, x)
            numpyro.sample("x", fn, obs=seen)
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose nothing: there is no latent."""
