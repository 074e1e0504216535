"""The steps of a normalising flow from data to noise, and back; Pyro (torch)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from ppl_models.flows._maps import map_of
from ppl_models.flows._plan import Plan, masks
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS, linear
from ppl_models.networks.normalisation import EPSILON, KEPT

Mapped = tuple[Tensor, Tensor]  # the value (..., D), and the log of how it stretches, (...)


class Step(nn.Module):
    """An invertible map of rows."""

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """The next value on the way to u, and log |du/dx|."""
        raise NotImplementedError

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """The next value on the way to x, and log |dx/du|."""
        raise NotImplementedError


class Conditioner(nn.Module):
    """A network from columns, and a context, to the numbers of each mapped column.

    Its last layer starts small, so that the maps start near the identity, as far as they can.
    """

    def __init__(self, plan: Plan, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.outputs, self.numbers = outputs, plan.numbers
        self.activation = ACTIVATION_FUNCTIONS[plan.activation]
        sizes = (inputs, *plan.hidden, plan.numbers * outputs)
        self.layers = nn.ModuleList(linear(*pair, generator) for pair in pairwise(sizes))
        with torch.no_grad():
            cast(nn.Linear, self.layers[-1]).weight.mul_(0.1)
        if plan.context:
            self.context = linear(plan.context, sizes[1], generator, bias=False)
        self.masks: list[Tensor | None] = [None] * len(self.layers)
        if plan.autoregressive:
            found = masks(plan.dim, plan.hidden, plan.numbers, context=bool(plan.context))
            self.masks = [torch.tensor(mask) for mask in found]

    def forward(self, value: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The numbers without their biases, (..., numbers, outputs), and the biases."""
        depth = len(self.layers) - 1
        for number, (layer, mask) in enumerate(zip(self.layers, self.masks, strict=True)):
            weight, bias = cast(nn.Linear, layer).weight, cast(nn.Linear, layer).bias
            if mask is not None:
                weight = weight * mask.to(weight)
            value = nn.functional.linear(value, weight, bias if number < depth else None)
            if number == 0 and context is not None:
                value = value + self.context(context)
            if number < depth:
                value = self.activation(value)
        shape = (self.numbers, self.outputs)
        return value.unflatten(-1, shape), cast(nn.Linear, self.layers[-1]).bias.view(shape)


class Coupling(Step):
    """The second half of the columns mapped by numbers that the first half gives.

    (Dinh et al. 2015, arXiv:1410.8516; 2017, arXiv:1605.08803.)
    """

    def __init__(self, plan: Plan, generator: torch.Generator) -> None:
        super().__init__()
        self.kept, self.map = plan.dim // 2, map_of(plan)
        self.network = Conditioner(plan, self.kept, plan.dim - self.kept, generator)

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return self._mapped(x, context, back=False)

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return self._mapped(u, context, back=True)

    def _mapped(self, value: Tensor, context: Tensor | None, *, back: bool) -> Mapped:
        same, other = value[..., : self.kept], value[..., self.kept :]
        other, log_slope = self.map(other, *self.network(same, context), back=back)
        same = same.expand(*other.shape[:-1], self.kept)
        return torch.cat([same, other], -1), log_slope.sum(-1)


class Autoregressive(Step):
    """Every column mapped by numbers that the columns before it give.

    Those are columns of x (Papamakarios et al. 2017, arXiv:1705.07057), so that the density takes
    one pass and a draw one for each column, or with `from_noise` columns of u (Kingma et al. 2016,
    arXiv:1606.04934), the other way round.
    """

    def __init__(self, plan: Plan, generator: torch.Generator) -> None:
        super().__init__()
        self.from_noise, self.map = plan.from_noise, map_of(plan)
        self.network = Conditioner(plan, plan.dim, plan.dim, generator)

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return self._column_by_column(x, context) if self.from_noise else self._at_once(x, context)

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return self._at_once(u, context) if self.from_noise else self._column_by_column(u, context)

    def _at_once(self, value: Tensor, context: Tensor | None) -> Mapped:
        mapped, log_slope = self.map(value, *self.network(value, context), back=False)
        return mapped, log_slope.sum(-1)

    def _column_by_column(self, value: Tensor, context: Tensor | None) -> Mapped:
        columns = torch.arange(value.shape[-1], device=value.device)
        found, log_slope = torch.zeros_like(value), torch.zeros_like(value)
        for last in range(value.shape[-1]):
            # Columns after this one are not known yet, and must not grow on what they hold.
            known = torch.where(columns < last, found, 0.0)
            found, log_slope = self.map(value, *self.network(known, context), back=True)
        return found, log_slope.sum(-1)


class BatchNorm(Step):
    """Each column with mean 0 and variance 1 over a batch, then scaled and shifted.

        u = exp(log_scale) (x - m) / sqrt(v + epsilon) + bias

    In training mode data are normalised by their own batch (Papamakarios et al. 2017, appendix B),
    and move the running averages that stand for m and v in evaluation mode and for draws.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("var", torch.ones(dim))

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        mean, var = self.mean, self.var
        if self.training:
            var, mean = torch.var_mean(x, tuple(range(x.ndim - 1)), correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, 1 - KEPT)
                self.var.lerp_(var, 1 - KEPT)
        log_slope = self.log_scale - 0.5 * (var + EPSILON).log()
        return (x - mean) * log_slope.exp() + self.bias, log_slope.sum().expand(x.shape[:-1])

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        log_slope = 0.5 * (self.var + EPSILON).log() - self.log_scale
        return (u - self.bias) * log_slope.exp() + self.mean, log_slope.sum().expand(u.shape[:-1])


class Permutation(Step):
    """The columns in another order."""

    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = list(order)
        self.inverse = sorted(range(len(order)), key=order.__getitem__)

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return x[..., self.order], x.new_zeros(x.shape[:-1])

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return u[..., self.inverse], u.new_zeros(u.shape[:-1])


class Rescaling(Step):
    """u = (x - shift) exp(-log_scale), one number for each column."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        u = (x - self.shift) * (-self.log_scale).exp()
        return u, -self.log_scale.sum().expand(x.shape[:-1])

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        x = u * self.log_scale.exp() + self.shift
        return x, self.log_scale.sum().expand(u.shape[:-1])


class Logit(Step):
    """u = logit(margin + (1 - 2 margin) x), for x in [0, 1] (Dinh et al. 2017)."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        u = torch.logit(self.margin + (1 - 2 * self.margin) * x)
        return u, -self._log_slope(u)

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        return (u.sigmoid() - self.margin) / (1 - 2 * self.margin), self._log_slope(u)

    def _log_slope(self, u: Tensor) -> Tensor:
        log_slope = nn.functional.logsigmoid(u) + nn.functional.logsigmoid(-u)
        return (log_slope - torch.log1p(torch.tensor(-2 * self.margin).to(u))).sum(-1)


def steps_of(plan: Plan, generator: torch.Generator) -> Iterator[Step]:
    """The steps of a plan, those next to the data first."""
    if plan.rescale:
        yield Rescaling(plan.dim)
    for number in range(plan.length):
        yield (Autoregressive if plan.autoregressive else Coupling)(plan, generator)
        if plan.batch_norm:
            yield BatchNorm(plan.dim)
        order = plan.permutation(number)
        if order is not None:
            yield Permutation(order)
