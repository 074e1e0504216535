"""A network that predicts x from a condition, NumPyro (the baseline of Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax.core import Tracer
from numpy.typing import ArrayLike, NDArray
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_positive,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.condition import Condition
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.output_bias import output_bias

__all__ = ["ConditionalNetwork"]


class ConditionalNetwork(Pair):
    """A network from y to x, without latents: p(x | y), every column by itself.

    Story, for each datum n, given y_n:

        x_n ~ Bernoulli(logits = network(y_n))               (data_dim,)
           or Normal(network(y_n), noise_scale)

    The condition is a class, or a vector such as the part of an image that is known. It is what
    `conditional_vae` is compared with; `ELBO()` is its exact log-likelihood.

    Args:
        data_dim: columns of x.
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. Give one of the two.
        hidden: hidden sizes of the network.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"` or `"leaky-relu"`.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood.
        data_mean: mean of the training data, shape (data_dim,). When given, the network starts
            with a bias that reproduces it.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range, or not one of `classes` and `condition_dim` is
            given.
    """

    engine = "numpyro"

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
        self.data_dim = check_size("data_dim", data_dim)
        self.condition = Condition(classes, condition_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("activation", activation, ACTIVATIONS)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.noise_scale = check_positive("noise_scale", noise_scale)
        random = nnx.Rngs(check_seed(seed))
        sizes = [self.condition.width, *hidden, data_dim]
        self.network = MLP(sizes, activation, random)
        if data_mean is not None:
            self.network.set_output_bias(output_bias(data_mean, data_dim, likelihood))

    def _likelihood(self, output: jax.Array) -> dist.Distribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.noise_scale).to_event(1)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the likelihood's mean.

        `size` is the number of rows of y, and need not be given.
        """
        condition = self._condition(x, y, size)
        network = nnx_module("network", self.network)
        with numpyro.plate("data", len(condition)):
            output = network(condition)
            numpyro.sample("x", self._likelihood(output), obs=x)
        return nnx.sigmoid(output) if self.likelihood == "bernoulli" else output

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose nothing: there is no latent."""

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a missing condition, and one that is not the pair's."""
        x, *given = arrays
        self.condition.check(given[0] if given else None, len(x))

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data and a condition."""
        return (*super().example(), self.condition.example())

    def _condition(self, x: jax.Array | None, y: jax.Array | None, size: int | None) -> jax.Array:
        """The condition as the networks see it, shape (N, width)."""
        rows = size if x is None else len(x)
        check = self.condition.check_shape if isinstance(y, Tracer) else self.condition.check
        check(y, rows)
        if self.condition.classes is None:
            return jnp.asarray(y, dtype=jnp.float32)
        return nnx.one_hot(jnp.asarray(y), self.condition.classes)
