"""The density of a restricted Boltzmann machine, known up to a constant, and its kernel (jax)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import jax.numpy as jnp
from jax import Array, lax, random
from jax.nn import log_sigmoid, logsumexp, sigmoid
from numpyro.distributions import constraints

from ppl_models.networks.energies.energy_arguments import (
    BLOCK,
    GRID,
    WIDE,
    check_countable,
)
from ppl_models.networks.energies.energy_law_numpyro import (
    EnergyLaw,
    base_visible,
    log_odds,
    log_sum,
    softplus,
)

# Its arguments are not typed.
_dependent: Any = constraints.dependent_property


class RestrictedBoltzmann(EnergyLaw):
    """Visible units v and binary hidden units h, of which h is summed out.

    See `restricted.RestrictedBoltzmann`.
    """

    arg_constraints: ClassVar[Any] = {
        "weight": constraints.independent(constraints.real, 2),
        "visible": constraints.real_vector,
        "hidden": constraints.real_vector,
    }
    factorial = True  # a step draws the visible units independently, given the hidden ones
    pytree_data_fields = (
        *("weight", "visible", "hidden", "precision", "offset", "coupling"),
        *("means", "hidden_means"),
    )
    pytree_aux_fields = ("normalised", "burn_in")

    def __init__(
        self,
        weight: Array,
        visible: Array,
        hidden: Array,
        *,
        precision: Array | None = None,
        offset: Any = 0.0,
        coupling: Any = 1.0,
        normalised: bool = False,
        burn_in: int = 1000,
        means: Array | None = None,
        hidden_means: Array | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.weight, self.visible, self.hidden = weight, visible, hidden
        self.precision, self.offset, self.coupling = precision, offset, coupling
        self.normalised, self.burn_in = normalised, burn_in
        self.means, self.hidden_means = means, hidden_means
        batch = jnp.broadcast_shapes(visible.shape[:-1], hidden.shape[:-1])
        super().__init__(batch, visible.shape[-1:], validate_args=validate_args)

    @_dependent(is_discrete=True, event_dim=1)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """{0, 1} for binary visible units, else the real line."""
        kind: Any = constraints.boolean if self.precision is None else constraints.real
        return constraints.independent(kind, 1)

    def log_factor(self, value: Any) -> Array:
        """log f(v), shape (...,): up to a constant the log density."""
        value = jnp.asarray(value)
        found = (value * self.visible).sum(-1) + self.offset
        if self.precision is not None:
            found = found - 0.5 * (self.precision * value**2).sum(-1)
        return found + softplus(self.inputs(value)).sum(-1)

    def inputs(self, value: Any) -> Array:
        """What the hidden units see of v, (..., H); p(h = 1 | v) is its logistic."""
        return self.hidden + self.coupling * (jnp.asarray(value) @ self.weight)

    def transition(self, value: Any, key: Any) -> Array:
        """One step of block Gibbs, v to h to v; it leaves f invariant and is reversible."""
        up, down = random.split(key)
        return self.visible_draw(self.hidden_draw(value, up), down)

    def hidden_draw(self, value: Any, key: Any) -> Array:
        """Hidden units given the visible."""
        inputs = self.inputs(value)
        chance = random.uniform(key, inputs.shape, inputs.dtype)
        return (chance < sigmoid(inputs)).astype(inputs.dtype)

    def codes(self, value: Any) -> Array:
        """The chances of the hidden units given the visible, (..., H)."""
        return sigmoid(self.inputs(value))

    def visible_draw(self, hidden: Any, key: Any) -> Array:
        """Visible units given the hidden."""
        inputs = self.outputs(hidden)
        if self.precision is None:
            chance = random.uniform(key, inputs.shape, inputs.dtype)
            return (chance < sigmoid(inputs)).astype(inputs.dtype)
        noise = random.normal(key, inputs.shape, inputs.dtype)
        return inputs / self.precision + noise / jnp.sqrt(self.precision)

    def outputs(self, hidden: Any) -> Array:
        """The natural parameters of v given h, (..., D)."""
        return self.visible + self.coupling * (hidden @ self.weight.T)

    def reconstruct(self, value: Any) -> Array:
        """The mean of v given the hidden units' chances at v, with a gradient, (..., D)."""
        outputs = self.outputs(sigmoid(self.inputs(value)))
        return sigmoid(outputs) if self.precision is None else outputs / self.precision

    def tempered(self, beta: Any, base: Self) -> Self:
        """The machine whose joint energy is beta times this one's and 1 - beta times the base's."""

        def mixed(own: Any, other: Any) -> Any:
            return beta * own + (1 - beta) * other

        return self._with(
            mixed(self.visible, base.visible),
            mixed(self.hidden, base.hidden),
            precision=None if self.precision is None else mixed(self.precision, base.precision),
            offset=mixed(self.offset, base.offset),
            coupling=beta * self.coupling,
            burn_in=self.burn_in,
        )

    def base(self, kind: Any = "data") -> Self:
        """The machine without weights at which chains begin; `describe_base` says the kinds."""
        visible = base_visible(kind, self.visible, self.means, self.precision)
        hidden = jnp.zeros_like(self.hidden)
        if isinstance(kind, str) and kind == "data" and self.hidden_means is not None:
            hidden = log_odds(self.hidden_means)
        return self._with(visible, hidden, precision=self.precision, coupling=0.0, burn_in=0)

    def _with(self, visible: Array, hidden: Array, **more: Any) -> Self:
        """A machine of the same weights with other biases."""
        known = {"means": self.means, "hidden_means": self.hidden_means}
        return type(self)(self.weight, visible, hidden, **known, **more)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """The ends of chains that begin at the base and take `burn_in` steps."""
        start, key = random.split(key)
        shape = (*sample_shape, *self.batch_shape, self.hidden.shape[-1])
        begun = self.base().visible_draw(jnp.zeros(shape, self.hidden.dtype), start)

        def step(number: Any, value: Array) -> Array:
            return self.transition(value, random.fold_in(key, number))

        return lax.fori_loop(0, self.burn_in, step, begun)

    def log_partition(self) -> Array:
        """The constant log Z, by a sum over the states of the smaller side.

        Raises:
            ValueError: if that has more than 20 units.
        """
        if isinstance(self.coupling, float) and self.coupling == 0:
            hidden = softplus(self.hidden).sum(-1)
            return hidden + self._visible_constant(self.visible)
        outer = self.visible if self.precision is None else None
        count, sums_hidden = check_countable(
            self.hidden.shape[-1], None if outer is None else outer.shape[-1]
        )

        def of_hidden(states: Array) -> Array:
            return states @ self.hidden + self._visible_constant(self.outputs(states))

        def of_visible(states: Array) -> Array:
            return self.log_factor(states) - self.offset

        term = of_hidden if sums_hidden else of_visible
        found = log_sum(term, count, self.hidden.dtype, at_once=BLOCK)
        return found + (0.0 if sums_hidden else self.offset)

    def _visible_constant(self, natural: Array) -> Array:
        """The log of the sum over v of exp(natural . v), or of the integral; with the offset."""
        if self.precision is None:
            return softplus(natural).sum(-1) + self.offset
        each = 0.5 * natural**2 / self.precision + 0.5 * jnp.log(2 * math.pi / self.precision)
        return each.sum(-1) + self.offset

    def log_conditionals(self, value: Any, columns: Any = None) -> Array:
        """log p(v_i | all others), for all units or some columns of each row.

        Args:
            value: v, (N, D).
            columns: (N, n); all units without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        value = jnp.asarray(value)
        inputs = self.inputs(value)

        def of(column: Array) -> Array:
            own = jnp.take_along_axis(value, column[..., None], -1)[..., 0]
            visible = jnp.broadcast_to(self.visible, value.shape)
            bias = jnp.take_along_axis(visible, column[..., None], -1)[..., 0]
            return self._conditional(inputs, own, bias, column)

        if columns is None:
            every = jnp.arange(value.shape[-1])
            each = lax.map(lambda i: of(jnp.full(value.shape[:-1], i)), every)
        elif columns.shape[-1] == 1:
            return of(columns[..., 0])[..., None]
        else:
            each = lax.map(of, jnp.moveaxis(columns, -1, 0))
        return jnp.moveaxis(each, 0, -1)

    def _conditional(self, inputs: Array, own: Array, bias: Array, column: Array) -> Array:
        weight = self.coupling * self.weight[column]  # (N, H)
        if self.precision is None:
            turn = 1 - 2 * own
            there = softplus(inputs + turn[..., None] * weight).sum(-1)
            return log_sigmoid(softplus(inputs).sum(-1) - there - turn * bias)
        # The density of one unit is a mixture of Gaussians: on a grid that holds them all, the
        # trapezoid rule is right to rounding.
        precision = jnp.broadcast_to(self.precision, self.visible.shape)[column]
        room = WIDE / jnp.sqrt(precision)
        low = (bias + jnp.minimum(weight, 0).sum(-1)) / precision - room
        high = (bias + jnp.maximum(weight, 0).sum(-1)) / precision + room
        points = low[..., None] + (high - low)[..., None] * jnp.linspace(0.0, 1.0, GRID)

        def density(at: Array) -> Array:  # (N,) at one point of each row
            moved = inputs + (at - own)[..., None] * weight
            return bias * at - 0.5 * precision * at**2 + softplus(moved).sum(-1)

        each = lax.map(density, jnp.moveaxis(points, -1, 0))
        total = logsumexp(each, axis=0) + jnp.log((high - low) / (GRID - 1))
        return density(own) - total
