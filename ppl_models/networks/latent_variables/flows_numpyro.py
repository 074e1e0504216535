"""Normalising flows on a guide's Gaussian, for NumPyro pairs (flax NNX)."""

from __future__ import annotations

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module
from numpyro.distributions import constraints
from numpyro.distributions.flows import InverseAutoregressiveTransform

from ppl_models.networks.latent_variables.latent_structure import flow_inputs, masks, order
from ppl_models.networks.mlp_numpyro import linear


class Flow:
    """Transforms of a draw z, whose parameters come from the encoder: see `flows.Flow`."""

    def __init__(self, kind: str, length: int, dim: int, width: int, rngs: nnx.Rngs) -> None:
        self.kind, self.length, self.dim = kind, length, dim
        self.inputs = flow_inputs(kind, length, dim)
        steps = range(length) if kind == "iaf" else ()
        self.steps = [Autoregressive(dim, width, rngs, reverse=step % 2 == 1) for step in steps]

    def __call__(self, base: dist.Distribution, given: jax.Array) -> dist.Distribution:
        """The distribution of the transformed draw; `given` has shape (N, inputs)."""
        if self.kind == "none":
            return base
        transforms: list[Any] = []
        if self.kind == "planar":
            for part in jnp.split(given, self.length, axis=-1):
                bias, u, w = jnp.split(part, [1, 1 + self.dim], axis=-1)
                transforms.append(Planar(bias, u, w + 1))
        for number, step in enumerate(self.steps):
            network = nnx_module(f"flow.steps.{number}", step)
            conditioned = functools.partial(network, context=given)
            transforms.append(InverseAutoregressiveTransform(conditioned))
        return dist.TransformedDistribution(base, transforms)


class Autoregressive(nnx.Module):
    """Mean and log scale of each entry of z from those before it and from a context h."""

    def __init__(self, dim: int, width: int, rngs: nnx.Rngs, *, reverse: bool) -> None:
        self.dim, self.width, self.reverse = dim, width, reverse
        self.inner = linear(dim, width, rngs)
        self.context = linear(dim, width, rngs)
        self.outer = linear(width, 2 * dim, rngs)

    def __call__(self, z: jax.Array, context: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and log scale, each of the shape of z."""
        first, last = masks(order(self.dim, reverse=self.reverse), self.width)
        hidden = z @ (self.inner.kernel[...] * first.T) + cast(Any, self.inner.bias)
        hidden = jnp.tanh(hidden + self.context(context))
        output = hidden @ (self.outer.kernel[...] * np.concatenate([last, last]).T)
        mean, log_scale = jnp.split(output + cast(Any, self.outer.bias), 2, axis=-1)
        return mean, log_scale


class Planar(dist.transforms.Transform):
    """z + u^ tanh(w'z + b) with u^ = u + (softplus(w'u) - 1 - w'u) w / w'w, so that w'u^ > -1.

    Args:
        bias: b, shape (..., 1).
        u: shape (..., D).
        w: shape (..., D), not zero.
    """

    domain: Any = constraints.real_vector  # pyright: ignore[reportIncompatibleMethodOverride]
    codomain: Any = constraints.real_vector  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, bias: jax.Array, u: jax.Array, w: jax.Array) -> None:
        self.bias, self.u, self.w = bias, u, w

    def __call__(self, x: Any) -> Any:
        """The transformed x, shape (..., D)."""
        return self.call_with_intermediates(x)[0]

    def call_with_intermediates(self, x: Any) -> tuple[Any, Any]:
        """The transformed x, and log |dy/dx|, shape (...)."""
        inner = (self.w * self.u).sum(-1, keepdims=True)
        shift = jax.nn.softplus(inner) - 1 - inner
        u = self.u + shift * self.w / (self.w**2).sum(-1, keepdims=True)
        bend = jnp.tanh((self.w * x).sum(-1, keepdims=True) + self.bias)
        slope = 1 + (1 - bend**2) * (self.w * u).sum(-1, keepdims=True)
        return x + u * bend, jnp.log(slope[..., 0])

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError(
            "a planar flow scores only what it drew itself: its map has no inverse in closed form. "
            "Use ELBO() or IWAE(...), or flow='iaf'."
        )

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """log |dy/dx|, shape (...)."""
        return self.call_with_intermediates(x)[1] if intermediates is None else intermediates

    def tree_flatten(self) -> Any:
        """The parameters, for jax."""
        return (self.bias, self.u, self.w), (("bias", "u", "w"), {})

    def eq(self, other: object, static: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Whether it is the same transform."""
        return self is other
