"""Sequences of Gaussians that depend on what was drawn before, as one draw each (NumPyro)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, random
from numpyro.distributions import Distribution, Normal, constraints

Carry = tuple[jax.Array, ...]


class Sequential(Distribution):
    """A sequence z_1..z_T, each Gaussian given those before it: see `sequential.Sequential`.

    A draw hands on its means and scales as intermediate results, so that its own density costs no
    second pass.
    """

    arg_constraints: Any = {}  # noqa: RUF012
    support: Any = constraints.independent(constraints.real, 2)
    reparametrized_params: Any = ()
    pytree_data_fields = ("carry", "inputs", "inside")
    pytree_aux_fields = ("propose", "advance")

    def __init__(
        self,
        propose: Callable[[Carry, Any], tuple[jax.Array, jax.Array, Carry]],
        advance: Callable[[Carry, jax.Array], Carry],
        carry: Carry,
        event_shape: tuple[int, ...],
        batch_shape: tuple[int, ...],
        *,
        inputs: jax.Array | None = None,
        inside: jax.Array | None = None,
    ) -> None:
        self.propose, self.advance, self.carry = propose, advance, carry
        self.inputs, self.inside = inputs, inside
        super().__init__(tuple(batch_shape), tuple(event_shape), validate_args=False)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw sequences, shape (*sample_shape, *batch_shape, T, size)."""
        return self.sample_with_intermediates(key, sample_shape)[0]

    def sample_with_intermediates(
        self, key: Any, sample_shape: tuple[int, ...] = ()
    ) -> tuple[jax.Array, list[Any]]:
        """Draw sequences, with the mean and the scale of each element."""
        shape = (*sample_shape, *self.batch_shape)
        noise = random.normal(key, (*shape, *self.event_shape))
        value, loc, scale = self._run(shape, noise, lambda n, loc, scale: loc + scale * n)
        return value, [loc, scale]

    def log_prob(self, value: Any, intermediates: list[Any] | None = None) -> jax.Array:
        """log density of sequences, of the value's leading shape."""
        loc, scale = intermediates or self._moments(value)
        score = Normal(loc, scale).log_prob(value).sum(-1)
        if self.inside is not None:
            score = jnp.where(self.inside, score, 0.0)
        return score.sum(-1)

    def _moments(self, value: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and scales of each element of a given sequence."""
        shape = jnp.broadcast_shapes(value.shape[:-2], self.batch_shape)
        given = jnp.broadcast_to(value, (*shape, *self.event_shape))
        _, loc, scale = self._run(shape, given, lambda z, loc, scale: z)
        return loc, scale

    def _run(
        self,
        shape: tuple[int, ...],
        given: jax.Array,
        choose: Callable[[jax.Array, jax.Array, jax.Array], jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        def step(carry: Carry, shown: tuple[jax.Array, Any]) -> tuple[Carry, Any]:
            loc, scale, carry = self.propose(carry, shown[1])
            z = choose(shown[0], loc, scale)
            return self.advance(carry, z), (z, loc, scale)

        start = tuple(jnp.broadcast_to(part, (*shape, part.shape[-1])) for part in self.carry)
        shown = jax.tree.map(lambda part: jnp.moveaxis(part, -2, 0), (given, self.inputs))
        _, steps = lax.scan(step, start, shown)
        values, locs, scales = (jnp.moveaxis(part, 0, -2) for part in steps)
        return values, locs, scales


class Markov(Sequential):
    """A sequence whose elements depend on the one before and on nothing else that was drawn.

    See `sequential.Markov`.
    """

    pytree_data_fields = ("start",)
    pytree_aux_fields = ("transition",)

    def __init__(
        self,
        transition: Callable[[jax.Array, Any], tuple[jax.Array, jax.Array]],
        start: jax.Array,
        event_shape: tuple[int, ...],
        batch_shape: tuple[int, ...],
        *,
        inputs: jax.Array | None = None,
        inside: jax.Array | None = None,
    ) -> None:
        self.transition, self.start = transition, start
        super().__init__(
            lambda carry, inputs: (*transition(carry[0], inputs), carry),
            lambda carry, z: (z,),
            (start,),
            event_shape,
            batch_shape,
            inputs=inputs,
            inside=inside,
        )

    def _moments(self, value: jax.Array) -> tuple[jax.Array, jax.Array]:
        first = jnp.broadcast_to(self.start, (*value.shape[:-2], value.shape[-1]))
        before = jnp.concatenate([first[..., None, :], value[..., :-1, :]], -2)
        return self.transition(before, self.inputs)
