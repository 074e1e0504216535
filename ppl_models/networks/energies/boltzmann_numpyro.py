"""The density of a general Boltzmann machine of few units, and its kernel (jax)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import jax.numpy as jnp
from jax import Array, lax, random
from jax.nn import logsumexp, sigmoid, softmax
from numpyro.distributions import constraints

from ppl_models.networks.energies.energy_arguments import BLOCK, check_all_countable
from ppl_models.networks.energies.energy_law_numpyro import (
    EnergyLaw,
    base_visible,
    bits,
    log_sum,
    softplus,
)


class Boltzmann(EnergyLaw):
    """Binary units, visible v and hidden h, each connected with every other; h is summed out.

    See `boltzmann.Boltzmann`.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)
    pytree_data_fields = ("weight", "visible", "hidden", "among_visible", "among_hidden", "means")
    pytree_aux_fields = ("connected", "normalised", "burn_in")

    def __init__(
        self,
        weight: Array,
        visible: Array,
        hidden: Array,
        among_visible: Array,
        among_hidden: Array,
        *,
        connected: bool = True,
        normalised: bool = False,
        burn_in: int = 1000,
        means: Array | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.weight, self.visible, self.hidden = weight, visible, hidden
        self.among_visible = jnp.tril(among_visible, -1)
        self.among_hidden = jnp.tril(among_hidden, -1)
        self.connected, self.normalised = connected, normalised
        self.burn_in, self.means = burn_in, means
        super().__init__((), visible.shape[-1:], validate_args=validate_args)

    def log_factor(self, value: Any) -> Array:
        """log f(v), shape (...,)."""
        value = jnp.asarray(value)
        own = (value * self.visible).sum(-1) + ((value @ self.among_visible) * value).sum(-1)
        return own + logsumexp(self.hidden_scores(value), axis=-1)

    def hidden_scores(self, value: Any) -> Array:
        """What each state of the hidden units adds to log f(v, h), (..., 2^H)."""
        states = self.hidden_states()
        among = ((states @ self.among_hidden) * states).sum(-1)
        return (self.hidden + value @ self.weight) @ states.T + among

    def hidden_states(self) -> Array:
        """All states of the hidden units, (2^H, H)."""
        count = self.hidden.shape[-1]
        return bits(jnp.arange(2**count), count, self.hidden.dtype)

    def hidden_draw(self, value: Any, key: Any) -> Array:
        """Hidden units given the visible: one of all their states."""
        return self.hidden_states()[random.categorical(key, self.hidden_scores(value))]

    def transition(self, value: Any, key: Any, held: Array | None = None) -> Array:
        """A step of Gibbs sampling: h given v, then each of v given h and all others."""
        up, down = random.split(key)
        value = jnp.asarray(value)
        pull = self.visible + self.hidden_draw(value, up) @ self.weight.T
        lateral = self.among_visible + self.among_visible.T
        noise = random.uniform(down, pull.shape, pull.dtype)

        def unit(place: Any, value: Array) -> Array:
            chance = sigmoid(pull[..., place] + value @ lateral[place])
            drawn = (noise[..., place] < chance).astype(value.dtype)
            if held is not None:
                drawn = jnp.where(held[..., place], value[..., place], drawn)
            return value.at[..., place].set(drawn)

        return lax.fori_loop(0, value.shape[-1], unit, value)

    def reconstruct(self, value: Any) -> Array:
        """The chance of each unit given all others, h among them at its mean, (..., D)."""
        mean = softmax(self.hidden_scores(value), axis=-1) @ self.hidden_states()
        lateral = self.among_visible + self.among_visible.T
        return sigmoid(self.visible + mean @ self.weight.T + value @ lateral)

    def tempered(self, beta: Any, base: Self) -> Self:
        """The machine whose energy is beta times this one's and 1 - beta times the base's."""
        mixed = (
            beta * own + (1 - beta) * other
            for own, other in zip(self._energy(), base._energy(), strict=True)
        )
        return type(self)(*mixed, burn_in=self.burn_in, means=self.means)

    def _energy(self) -> tuple[Array, ...]:
        among = self.among_visible, self.among_hidden
        return (self.weight, self.visible, self.hidden, *among)

    def base(self, kind: Any = "data") -> Self:
        """Units without connections at which chains begin; `describe_base` says the kinds."""
        zeros = [jnp.zeros_like(each) for each in self._energy()]
        zeros[1] = base_visible(kind, self.visible, self.means)
        return type(self)(*zeros, connected=False, burn_in=0, means=self.means)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """The ends of chains that begin at the base and take `burn_in` steps."""
        start, key = random.split(key)
        chance = sigmoid(self.base().visible)
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        begun = (random.uniform(start, shape, chance.dtype) < chance).astype(chance.dtype)

        def step(number: Any, value: Array) -> Array:
            return self.transition(value, random.fold_in(key, number))

        return lax.fori_loop(0, self.burn_in, step, begun)

    def log_partition(self) -> Array:
        """The constant log Z, by a sum over the states of all units.

        Raises:
            ValueError: if they are more than 20.
        """
        if not self.connected:
            return softplus(self.visible).sum() + softplus(self.hidden).sum()
        count = self.visible.shape[-1]
        check_all_countable(count, self.hidden.shape[-1])
        at_once = max(BLOCK - self.hidden.shape[-1], 0)
        return log_sum(self.log_factor, count, self.visible.dtype, at_once=at_once)
