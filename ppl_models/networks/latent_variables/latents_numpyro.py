"""Latents of a datum: what the model draws, and what the guide proposes (NumPyro)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from numpyro.distributions import constraints
from numpyro.distributions.transforms import ParameterFreeTransform

from ppl_models.networks.latent_variables.flows_numpyro import Flow
from ppl_models.networks.latent_variables.positive_latents_numpyro import (
    ExponentialLatent,
    LogNormalLatent,
)

EDGE = 1 - 1e-6  # of (-1, 1); in single precision a tanh would reach 1, which has no inverse


def normal(output: jax.Array) -> dist.Distribution:
    """Normal(m, exp(s)), event (D,), from a network's output (m, s), shape (..., 2 D)."""
    mean, log_scale = jnp.split(output, 2, axis=-1)
    return dist.Normal(mean, jnp.exp(log_scale)).to_event(1)


def full_noise(mean: jax.Array, free: jax.Array) -> dist.Distribution:
    """See `latents.full_noise`."""
    tril = jnp.tril(free, -1) + jnp.diag(jnp.exp(jnp.diagonal(free)))
    return dist.MultivariateNormal(mean, scale_tril=tril)


def one_hot(logits: jax.Array) -> dist.Distribution:
    """One-hot rows, event shape (rows, classes), from logits (..., rows, classes)."""
    return dist.Multinomial(total_count=1, logits=logits).to_event(1)


def side_by_side(parts: Sequence[jax.Array]) -> jax.Array:
    """Concatenate along the last dimension; the leading ones broadcast, as particles need it."""
    if len(parts) == 1:
        return parts[0]
    leading = jnp.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return jnp.concatenate(
        [jnp.broadcast_to(part, (*leading, part.shape[-1])) for part in parts], axis=-1
    )


class GaussianLatent:
    """z ~ Normal(0, I), proposed by a Gaussian and a flow: see `latents.GaussianLatent`."""

    site = "z"

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.inputs, self.outputs = flow.dim, 2 * flow.dim + flow.inputs

    def prior(self) -> dist.Distribution:
        """p(z), event (D,)."""
        return dist.Normal(jnp.zeros(self.inputs), 1.0).to_event(1)

    def proposal(self, output: jax.Array) -> dist.Distribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        gaussian, given = jnp.split(output, [2 * self.inputs], axis=-1)
        return self.flow(normal(gaussian), given)

    def vector(self, value: Any) -> jax.Array:
        """The value as a decoder sees it, shape (..., D)."""
        return value


class CategoricalLatent:
    """c ~ rows of OneHotCategorical(1 / classes): see `latents.CategoricalLatent`."""

    site = "c"

    def __init__(self, rows: int, classes: int) -> None:
        self.shape = rows, classes
        self.inputs = self.outputs = rows * classes

    def prior(self) -> dist.Distribution:
        """p(c), event (rows, classes)."""
        return one_hot(jnp.zeros(self.shape))

    def proposal(self, output: jax.Array) -> dist.Distribution:
        """q(c) from what an encoder gives, shape (..., outputs)."""
        return one_hot(output.reshape(*output.shape[:-1], *self.shape))

    def vector(self, value: Any) -> jax.Array:
        """The value as a decoder sees it, shape (..., rows * classes)."""
        value = jnp.asarray(value)
        return value.reshape(*value.shape[:-2], -1)


Latent = GaussianLatent | CategoricalLatent | LogNormalLatent | ExponentialLatent


def latents(kind: str, flow: Flow, codes: tuple[int, int]) -> list[Latent]:
    """The latents of a VAE: z, Gaussian or positive, c of `codes` rows and classes, or both."""
    z, c = GaussianLatent(flow), CategoricalLatent(*codes)
    known: dict[str, list[Latent]] = {
        "gaussian": [z],
        "categorical": [c],
        "mixed": [z, c],
        "log-normal": [LogNormalLatent(flow.dim)],
        "exponential": [ExponentialLatent(flow.dim)],
    }
    return known[kind]


class ToInterval(ParameterFreeTransform):
    """z = tanh(u), kept within [-EDGE, EDGE] so that any draw has a density."""

    domain: Any = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride]
    codomain: Any = constraints.interval(-1.0, 1.0)  # pyright: ignore[reportIncompatibleMethodOverride]
    sign: Any = 1  # pyright: ignore[reportIncompatibleMethodOverride]

    def __call__(self, x: Any) -> Any:
        """Into the interval."""
        return jnp.clip(jnp.tanh(x), -EDGE, EDGE)

    def _inverse(self, y: Any) -> Any:
        return jnp.arctanh(jnp.clip(y, -EDGE, EDGE))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """log(1 - tanh(x)^2), which does not vanish for large x."""
        return 2 * (math.log(2) - x - jax.nn.softplus(-2 * x))


def noise(kind: str, latent_dim: int) -> dist.Distribution:
    """What a generator starts from: p(z), event (latent_dim,)."""
    zero = jnp.zeros(latent_dim)
    if kind == "normal":
        return dist.Normal(zero, 1.0).to_event(1)
    return dist.Uniform(zero - 1, zero + 1).to_event(1)


def noise_proposal(kind: str, output: jax.Array) -> dist.Distribution:
    """q(z) from the guide's output (m, s), shape (..., 2 * latent_dim).

    Normal(m, exp(s)), or the tanh of such a draw where the noise is uniform on (-1, 1).
    """
    if kind == "normal":
        return normal(output)
    return dist.TransformedDistribution(normal(output), [ToInterval()])


def precision_weighted(
    first: tuple[jax.Array, jax.Array], second: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Mean and log scale of the normalised product of two Gaussians, entry by entry.

    See `latents.precision_weighted`.
    """
    (mean, log_scale), (other, other_log_scale) = first, second
    weight = nnx.sigmoid(2 * (other_log_scale - log_scale))  # the first one's share of precision
    log_precision = jnp.logaddexp(-2 * log_scale, -2 * other_log_scale)
    return other + weight * (mean - other), -0.5 * log_precision
