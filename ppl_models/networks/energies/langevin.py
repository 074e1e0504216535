"""The density of an energy over real vectors, known up to a constant, and its kernel (torch)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor

from ppl_models.networks.energies.energy_arguments import POINTS, ROOM, no_constant
from ppl_models.networks.energies.energy_law import EnergyLaw, base_kind


class LangevinEnergy(EnergyLaw):
    """Real x with an energy, held together by a Gaussian.

        log f(x) = o - c E(x) - |x - m|^2 / (2 s^2)

    A step of the kernel is a Langevin step with a Metropolis decision, which leaves f invariant:

        y = x + r^2 / 2 grad log f(x) + r e,   e ~ N(0, 1)
        taken with chance min(1, f(y) q(x | y) / (f(x) q(y | x)))

    (Roberts & Tweedie 1996, Bernoulli 2).

    Args:
        energy: E, from (..., D) to (..., 1).
        mean: m, (D,).
        scale: s.
        step_size: r, in the units of x.
        coupling: c, which `tempered` lowers.
        offset: o.
        burn_in: steps of the chains whose ends are draws.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.real_vector
    normalised = False

    def __init__(
        self,
        energy: Callable[[Tensor], Tensor],
        mean: Tensor,
        scale: float,
        *,
        step_size: float,
        coupling: Any = 1.0,
        offset: Any = 0.0,
        burn_in: int = 100,
    ) -> None:
        self.energy, self.mean_of_base, self.scale = energy, mean, scale
        self.step_size, self.coupling, self.offset = step_size, coupling, offset
        self.burn_in = burn_in
        super().__init__(torch.Size(), mean.shape[-1:], validate_args=False)

    def log_factor(self, value: Tensor) -> Tensor:
        """log f(x), shape (...,): up to a constant the log density."""
        base = self.offset - 0.5 * ((value - self.mean_of_base) ** 2).sum(-1) / self.scale**2
        return base if self._is_base else base - self.coupling * self.energy(value)[..., 0]

    @property
    def _is_base(self) -> bool:
        return isinstance(self.coupling, float) and self.coupling == 0

    @torch.no_grad()
    def transition(self, value: Tensor, key: Any = None, held: Tensor | None = None) -> Tensor:
        """A Langevin step with a Metropolis decision.

        Args:
            value: x, (..., D).
            key: a generator of torch's, or None for the one of all.
            held: which entries stay, of booleans; none without it.
        """
        free = 1.0 if held is None else (~held).to(value.dtype)
        size, half = self.step_size, 0.5 * self.step_size**2
        own = {"generator": key, "dtype": value.dtype, "device": value.device}
        here, slope = self._slope(value)
        noise = free * torch.randn(value.shape, **own)
        moved = value + half * free * slope + size * noise
        there, back = self._slope(moved)
        returning = (value - moved - half * free * back) / size
        log_ratio = there - here + 0.5 * (noise**2 - returning**2).sum(-1)
        chance = torch.rand(log_ratio.shape, **own)
        return torch.where((chance.log() < log_ratio)[..., None], moved, value)

    @torch.enable_grad()
    def _slope(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """log f and its gradient by x."""
        value = value.detach().requires_grad_()
        found = self.log_factor(value)
        (slope,) = torch.autograd.grad(found.sum(), value)
        return found.detach(), slope

    def tempered(self, beta: Any, base: Self) -> Self:
        """f^beta g^(1 - beta), g the base."""
        mean = beta * self.mean_of_base + (1 - beta) * base.mean_of_base
        squares = beta * self.mean_of_base**2 + (1 - beta) * base.mean_of_base**2
        offset = beta * self.offset + (1 - beta) * base.offset
        return self._with(
            mean=mean,
            coupling=beta * self.coupling,
            offset=offset - 0.5 * (squares - mean**2).sum(-1) / self.scale**2,
        )

    def base(self, kind: Any = "data") -> Self:
        """The Gaussian alone, at which chains begin; `describe_base` says the kinds."""
        units = len(self.mean_of_base)
        known = base_kind(kind, units=units, binary=False, knows_means=True)
        mean = self.mean_of_base
        if known == "uniform":
            mean = torch.zeros_like(mean)
        elif known == "given":
            mean = torch.as_tensor(kind).to(mean)
        return self._with(mean=mean, coupling=0.0, offset=0.0, burn_in=0)

    def _with(
        self, *, mean: Tensor, coupling: Any, offset: Any, burn_in: int | None = None
    ) -> Self:
        return type(self)(
            self.energy,
            mean,
            self.scale,
            step_size=self.step_size,
            coupling=coupling,
            offset=offset,
            burn_in=self.burn_in if burn_in is None else burn_in,
        )

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """The ends of chains that begin at the Gaussian and take `burn_in` steps."""
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        value = self.mean_of_base + self.scale * torch.randn(shape).to(self.mean_of_base)
        for _ in range(self.burn_in):
            value = self.transition(value)
        return value

    def log_partition(self) -> Tensor:
        """The constant of the Gaussian alone.

        Raises:
            ValueError: where there is an energy.
        """
        if not self._is_base:
            raise ValueError(no_constant())
        size = len(self.mean_of_base)
        return 0.5 * size * math.log(2 * math.pi * self.scale**2) + torch.as_tensor(self.offset)

    def log_conditionals(self, value: Tensor, columns: Tensor | None = None) -> Tensor:
        """log p(x_i | all others), by quadrature, for all entries or some columns of each row.

        Args:
            value: x, (N, D).
            columns: (N, n); all entries without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        if columns is None:
            columns = torch.arange(value.shape[-1], device=value.device).expand(value.shape)
        own = self.log_factor(value)
        steps = torch.linspace(-ROOM, ROOM, POINTS).to(value) * self.scale
        each = []
        for column in columns.unbind(-1):
            points = self.mean_of_base[column.long()][..., None] + steps  # (N, G)
            here = torch.arange(value.shape[-1], device=value.device) == column[..., None]
            moved = torch.where(here[..., None, :], points[..., None], value[..., None, :])
            total = self.log_factor(moved).logsumexp(-1) + math.log(float(steps[1] - steps[0]))
            each.append(own - total)
        return torch.stack(each, -1)
