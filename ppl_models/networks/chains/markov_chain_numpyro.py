"""Paths of discrete states: exact sums over them and draws of them, for NumPyro pairs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import lax, random
from jax.nn import logsumexp
from numpyro.distributions import constraints


class MarkovChain(dist.Distribution):
    """A path z_1, ..., z_T of discrete states, each step of which may be weighed by a factor.

    See `markov_chain.MarkovChain`.
    """

    arg_constraints: Any = {"log_initial": constraints.real_vector}  # noqa: RUF012
    pytree_data_fields = ("log_initial", "log_transition", "log_factors", "inside")

    def __init__(
        self,
        log_initial: jax.Array,
        log_transition: jax.Array,
        length: int,
        *,
        log_factors: jax.Array | None = None,
        inside: jax.Array | None = None,
    ) -> None:
        self.log_initial, self.log_transition = log_initial, log_transition
        self.log_factors, self.inside = log_factors, inside
        shapes = [() if log_factors is None else log_factors.shape[:-2]]
        shapes.append(() if inside is None else inside.shape[:-1])
        super().__init__(jnp.broadcast_shapes(*shapes), (length,), validate_args=False)

    @property
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The states."""
        states = constraints.integer_interval(0, len(self.log_initial) - 1)
        return constraints.independent(states, 1)

    @property
    def forward(self) -> jax.Array:
        """log p(z_t, f_1, ..., f_t), shape (..., T, S)."""
        factors, inside = self._steps()

        def step(reached: jax.Array, now: Any) -> tuple[jax.Array, jax.Array]:
            moved = logsumexp(reached[..., None] + self.log_transition, -2) + now[0]
            ended = logsumexp(reached, -1, keepdims=True) + self._uniform
            reached = jnp.where(now[1], moved, ended)
            return reached, reached

        first = self.log_initial + factors[0]
        _, rest = lax.scan(step, first, (factors[1:], inside[1:]))
        return jnp.moveaxis(jnp.concatenate([first[None], rest]), 0, -2)

    @property
    def backward(self) -> jax.Array:
        """log p(f_t+1, ..., f_T | z_t), shape (..., T, S)."""
        factors, inside = self._steps()

        def step(ahead: jax.Array, now: Any) -> tuple[jax.Array, jax.Array]:
            onward = (now[0] + ahead)[..., None, :]
            ahead = jnp.where(now[1], logsumexp(self.log_transition + onward, -1), 0.0)
            return ahead, ahead

        last = jnp.zeros_like(factors[0])
        _, rest = lax.scan(step, last, (factors[1:], inside[1:]), reverse=True)
        return jnp.moveaxis(jnp.concatenate([rest, last[None]]), 0, -2)

    @property
    def log_normaliser(self) -> jax.Array:
        """log C, the evidence of the factors."""
        return logsumexp(self.forward[..., -1, :], -1)

    @property
    def marginals(self) -> jax.Array:
        """p(z_t), smoothed by all factors, shape (..., T, S)."""
        return jax.nn.softmax(self.forward + self.backward, -1)

    def log_prob(self, value: Any, intermediates: Any = None) -> jax.Array:
        """log p(z) of paths, (..., T)."""
        z = jnp.asarray(value).astype(int)
        first = self.log_initial[z[..., :1]]
        score = jnp.concatenate([first, self.log_transition[z[..., :-1], z[..., 1:]]], -1)
        if self.log_factors is not None:
            factors = jnp.broadcast_to(self.log_factors, (*z.shape, len(self.log_initial)))
            score = score + jnp.take_along_axis(factors, z[..., None], -1)[..., 0]
        if self.inside is not None:
            score = jnp.where(self.inside, score, self._uniform)
        total = score.sum(-1)
        return total if self.log_factors is None else total - self.log_normaliser

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw paths, integers."""
        shape = (*sample_shape, *self.batch_shape)
        factors, inside = self._steps()
        if self.log_factors is not None:
            factors = factors + jnp.moveaxis(self.backward, -2, 0)
        keys = random.split(key, len(factors))

        def step(state: jax.Array, now: Any) -> tuple[jax.Array, jax.Array]:
            key, factor, inside = now
            logits = jnp.where(inside, self.log_transition[state] + factor, 0.0)
            state = random.categorical(key, logits, shape=shape)
            return state, state

        first = random.categorical(keys[0], self.log_initial + factors[0], shape=shape)
        _, rest = lax.scan(step, first, (keys[1:], factors[1:], inside[1:]))
        return jnp.moveaxis(jnp.concatenate([first[None], rest]), 0, -1)

    @property
    def _uniform(self) -> jax.Array:
        return -jnp.log(len(self.log_initial))

    def _steps(self) -> tuple[jax.Array, jax.Array]:
        """The factors and whether there is a step, (T, ..., S) and (T, ..., 1)."""
        shape = (*self.batch_shape, *self.event_shape)
        factors = 0.0 if self.log_factors is None else self.log_factors
        inside = True if self.inside is None else self.inside
        factors = jnp.broadcast_to(factors, (*shape, len(self.log_initial)))
        inside = jnp.broadcast_to(inside, shape)[..., None]
        return jnp.moveaxis(factors, -2, 0), jnp.moveaxis(inside, -2, 0)


class HiddenMarkov(dist.Distribution):
    """x_1, ..., x_T emitted by the states of a chain, which are summed over.

    See `markov_chain.HiddenMarkov`.
    """

    # The chain's constraint is named here because a distribution without any counts as
    # reparameterised.
    arg_constraints: Any = {"log_initial": constraints.real_vector}  # noqa: RUF012
    pytree_data_fields = ("chain", "emission")

    def __init__(self, chain: MarkovChain, emission: dist.Distribution) -> None:
        self.chain, self.emission = chain, emission
        event = (*chain.event_shape, *emission.event_shape)
        super().__init__(chain.batch_shape, event, validate_args=False)

    @property
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of each step."""
        support: Any = self.emission.support
        return constraints.independent(support, 1)

    def posterior(self, value: Any) -> MarkovChain:
        """The chain with the factors p(x_t | z_t): p(z | x)."""
        each = jnp.expand_dims(value, jnp.ndim(value) - len(self.emission.event_shape))
        chain = self.chain
        return MarkovChain(
            chain.log_initial,
            chain.log_transition,
            chain.event_shape[0],
            log_factors=self.emission.log_prob(each),
            inside=chain.inside,
        )

    def log_prob(self, value: Any, intermediates: Any = None) -> jax.Array:
        """log p(x) by the forward algorithm."""
        return self.posterior(value).log_normaliser

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw a path, and what it emits."""
        path_key, emission_key = random.split(key)
        z = self.chain.sample(path_key, sample_shape)
        every = self.emission.sample(emission_key, z.shape)  # (..., T, S, *event)
        index = z.reshape(*z.shape, 1, *(1 for _ in self.emission.event_shape))
        return jnp.take_along_axis(every, index, z.ndim).squeeze(z.ndim)


class Symbols(dist.CategoricalLogits):
    """A categorical whose values may come as real numbers, as data do."""

    def log_prob(self, value: Any) -> jax.Array:
        """log p(value)."""
        return jnp.asarray(super().log_prob(jnp.asarray(value).astype(int)))
