"""The density of a restricted Boltzmann machine, known up to a constant, and its kernel (torch)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ppl_models.networks.energies.energy_arguments import (
    BLOCK,
    GRID,
    WIDE,
    check_countable,
)
from ppl_models.networks.energies.energy_law import (
    EnergyLaw,
    base_visible,
    log_odds,
    log_sum,
    uniform,
)


class RestrictedBoltzmann(EnergyLaw):
    """Visible units v and binary hidden units h, of which h is summed out.

        f(v) = sum_h exp(o + a . v - p . v^2 / 2 + s v' W h + c . h)
        log f(v) = o + a . v - p . v^2 / 2 + sum_j softplus(c_j + s (v' W)_j)

    v is binary where p is None, and real with precision p otherwise. `log_prob` is log f, and so
    the class says `normalised = False`, unless it is told to sum the constant.

    Args:
        weight: W, (D, H).
        visible: a, (..., D).
        hidden: c, (..., H).
        precision: p, (D,); None for binary units.
        offset: o.
        coupling: s, which `tempered` lowers.
        normalised: whether `log_prob` is less the constant, which is then summed exactly.
        burn_in: steps of the chains whose ends are draws.
        means: mean of the training data, (D,), where chains begin; None where it is not known.
        hidden_means: chances of the hidden units, (H,), at which annealed chains begin, where it is
            these that stand for data; None for 1/2.
    """

    arg_constraints: ClassVar[Any] = {
        "weight": constraints.independent(constraints.real, 2),
        "visible": constraints.real_vector,
        "hidden": constraints.real_vector,
    }
    factorial = True  # a step draws the visible units independently, given the hidden ones

    def __init__(
        self,
        weight: Tensor,
        visible: Tensor,
        hidden: Tensor,
        *,
        precision: Tensor | None = None,
        offset: Any = 0.0,
        coupling: Any = 1.0,
        normalised: bool = False,
        burn_in: int = 1000,
        means: Tensor | None = None,
        hidden_means: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.weight, self.visible, self.hidden = weight, visible, hidden
        self.precision, self.offset, self.coupling = precision, offset, coupling
        self.normalised, self.burn_in = normalised, burn_in
        self.means, self.hidden_means = means, hidden_means
        batch = torch.broadcast_shapes(visible.shape[:-1], hidden.shape[:-1])
        super().__init__(batch, visible.shape[-1:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """{0, 1} for binary visible units, else the real line."""
        kind: Any = constraints.boolean if self.precision is None else constraints.real
        return constraints.independent(kind, 1)

    def log_factor(self, value: Tensor) -> Tensor:
        """log f(v), shape (...,): up to a constant the log density."""
        found = (value * self.visible).sum(-1) + self.offset
        if self.precision is not None:
            found = found - 0.5 * (self.precision * value**2).sum(-1)
        return found + softplus(self.inputs(value)).sum(-1)

    def inputs(self, value: Tensor) -> Tensor:
        """What the hidden units see of v, (..., H); p(h = 1 | v) is its logistic."""
        return self.hidden + self.coupling * (value @ self.weight)

    def transition(self, value: Tensor, key: Any = None) -> Tensor:
        """One step of block Gibbs, v to h to v; it leaves f invariant and is reversible.

        Args:
            value: v, (..., D).
            key: a generator of torch's, or None for the one of all.
        """
        return self.visible_draw(self.hidden_draw(value, key), key)

    def hidden_draw(self, value: Tensor, key: Any = None) -> Tensor:
        """Hidden units given the visible."""
        inputs = self.inputs(value)
        return (uniform(inputs, key) < inputs.sigmoid()).to(inputs.dtype)

    def codes(self, value: Tensor) -> Tensor:
        """The chances of the hidden units given the visible, (..., H)."""
        return self.inputs(value).sigmoid()

    def visible_draw(self, hidden: Tensor, key: Any = None) -> Tensor:
        """Visible units given the hidden."""
        inputs = self.outputs(hidden)
        if self.precision is None:
            return (uniform(inputs, key) < inputs.sigmoid()).to(inputs.dtype)
        noise = torch.randn(inputs.shape, generator=key, dtype=inputs.dtype, device=inputs.device)
        return inputs / self.precision + noise / self.precision.sqrt()

    def outputs(self, hidden: Tensor) -> Tensor:
        """The natural parameters of v given h, (..., D)."""
        return self.visible + self.coupling * (hidden @ self.weight.T)

    def reconstruct(self, value: Tensor) -> Tensor:
        """The mean of v given the hidden units' chances at v, with a gradient, (..., D)."""
        outputs = self.outputs(self.inputs(value).sigmoid())
        return outputs.sigmoid() if self.precision is None else outputs / self.precision

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
        hidden = torch.zeros_like(self.hidden)
        if isinstance(kind, str) and kind == "data" and self.hidden_means is not None:
            hidden = log_odds(self.hidden_means)
        return self._with(visible, hidden, precision=self.precision, coupling=0.0, burn_in=0)

    def _with(self, visible: Tensor, hidden: Tensor, **more: Any) -> Self:
        """A machine of the same weights with other biases."""
        known = {"means": self.means, "hidden_means": self.hidden_means}
        return type(self)(self.weight, visible, hidden, **known, **more)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """The ends of chains that begin at the base and take `burn_in` steps."""
        shape = (*sample_shape, *self.batch_shape, self.hidden.shape[-1])
        value = self.base().visible_draw(torch.zeros(shape).to(self.hidden))
        for _ in range(self.burn_in):
            value = self.transition(value)
        return value

    def log_partition(self) -> Tensor:
        """The constant log Z, by a sum over the states of the smaller side.

        Raises:
            ValueError: if that has more than 20 units.
        """
        if isinstance(self.coupling, float) and self.coupling == 0:
            return softplus(self.hidden).sum(-1) + self._visible_constant(self.visible)
        visible = self.visible.shape[-1] if self.precision is None else None
        count, sums_hidden = check_countable(self.hidden.shape[-1], visible)

        def of_hidden(states: Tensor) -> Tensor:
            return states @ self.hidden + self._visible_constant(self.outputs(states))

        term = of_hidden if sums_hidden else self.log_factor
        return log_sum(term, count, self.hidden, at_once=BLOCK)

    def _visible_constant(self, natural: Tensor) -> Tensor:
        """The log of the sum over v of exp(natural . v), or of the integral; with the offset."""
        if self.precision is None:
            return softplus(natural).sum(-1) + self.offset
        each = 0.5 * natural**2 / self.precision + 0.5 * (2 * math.pi / self.precision).log()
        return each.sum(-1) + self.offset

    def log_conditionals(self, value: Tensor, columns: Tensor | None = None) -> Tensor:
        """log p(v_i | all others), for all units or some columns of each row.

        Args:
            value: v, (N, D).
            columns: (N, n); all units without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        inputs = self.inputs(value)
        if columns is None:
            columns = torch.arange(value.shape[-1], device=value.device).expand(value.shape)
        own = value.gather(-1, columns)
        bias = self.visible.expand(value.shape).gather(-1, columns)
        each = [
            self._conditional(inputs, own[..., i], bias[..., i], columns[..., i])
            for i in range(columns.shape[-1])
        ]
        return torch.stack(each, -1)

    def _conditional(self, inputs: Tensor, own: Tensor, bias: Tensor, column: Tensor) -> Tensor:
        weight = self.coupling * self.weight[column]  # (N, H)
        if self.precision is None:
            turn = 1 - 2 * own
            there = softplus(inputs + turn[..., None] * weight).sum(-1)
            return logsigmoid(softplus(inputs).sum(-1) - there - turn * bias)
        # The density of one unit is a mixture of Gaussians: on a grid that holds them all, the
        # trapezoid rule is right to rounding.
        precision = self.precision.expand(self.visible.shape)[column]
        room = WIDE / precision.sqrt()
        low = (bias + weight.clamp(max=0).sum(-1)) / precision - room
        high = (bias + weight.clamp(min=0).sum(-1)) / precision + room
        steps = torch.linspace(0, 1, GRID).to(low)
        points = low[..., None] + (high - low)[..., None] * steps

        def density(at: Tensor) -> Tensor:  # (N,) at one point of each row
            moved = inputs + (at - own)[..., None] * weight
            return bias * at - 0.5 * precision * at**2 + softplus(moved).sum(-1)

        each = torch.stack([density(point) for point in points.unbind(-1)])
        total = each.logsumexp(0) + ((high - low) / (GRID - 1)).log()
        return density(own) - total
