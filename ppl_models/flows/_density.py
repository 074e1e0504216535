"""A density through an invertible map: x to u and the volume in one pass; Pyro (torch)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn

from ppl_models.flows._steps import Mapped, Step

_LOG_TWO_PI = math.log(2 * math.pi)


class Mixture(nn.Module):
    """u ~ sum over k of w_k Normal(means_k, exp(log_scales_k)), every column by itself given k."""

    def __init__(self, components: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight_logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, dim, generator=generator))
        self.log_scales = nn.Parameter(torch.zeros(components, dim))

    def log_p(self, u: Tensor) -> Tensor:
        """log p(u), shape (...)."""
        gaps = (u[..., None, :] - self.means) * (-self.log_scales).exp()
        each = -0.5 * gaps.square() - self.log_scales - 0.5 * _LOG_TWO_PI
        return (each.sum(-1) + self.weight_logits.log_softmax(-1)).logsumexp(-1)

    def draw(self, noise: Tensor) -> Tensor:
        """u of standard normal noise, and of a component drawn beside it."""
        count = noise.shape[:-1].numel()
        k = self.weight_logits.softmax(-1).multinomial(count, replacement=True)
        k = k.view(noise.shape[:-1])
        return self.means[k] + self.log_scales[k].exp() * noise


class FlowNetwork(nn.Module):
    """The steps of a flow, those next to the data first, and the law of the noise.

    Args:
        steps: of one flow.
        base: of the noise; None for a standard normal.
    """

    def __init__(self, steps: Iterable[Step], base: Mixture | None = None) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.base = base

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """u, shape (..., D), and log |du/dx|, shape (...)."""
        total = x.new_zeros(x.shape[:-1])
        for step in self.steps:
            x, log_volume = cast(Step, step).to_noise(x, context)
            total = total + log_volume
        return x, total

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """x, shape (..., D), and log |dx/du|, shape (...)."""
        total = u.new_zeros(u.shape[:-1])
        for step in reversed(self.steps):
            u, log_volume = cast(Step, step).to_data(u, context)
            total = total + log_volume
        return u, total

    def log_base(self, u: Tensor) -> Tensor:
        """log p(u), shape (...)."""
        if self.base is not None:
            return self.base.log_p(u)
        return -0.5 * (u.square() + _LOG_TWO_PI).sum(-1)

    def noise(self, like: Tensor) -> Tensor:
        """Draws of u, of a tensor's shape."""
        noise = torch.randn_like(like)
        return noise if self.base is None else self.base.draw(noise)


class FlowDistribution(TorchDistribution):
    """The law of x = f(u), u ~ the network's base, with log p(x) = log p(u) + log |du/dx|.

    It remembers the last value that it drew or was shown (`look_at`), and the density that came
    with it. `to_base` and `from_base` are the map itself. With a mixture for a base a draw has no
    gradient by the weights: the law says then that it is `sequential`, one whose mean is of its own
    draw, and that it is not reparameterised.

    Args:
        network: a `FlowNetwork`.
        context: what every step is given, shape (N, C), or None.
        batch_shape: shape of the independent rows.
        dim: columns.
        like: a tensor of the type and place of draws.
        support: of x.
    """

    arg_constraints: Any = {}  # noqa: RUF012

    def __init__(
        self,
        network: FlowNetwork,
        context: Tensor | None,
        batch_shape: tuple[int, ...],
        dim: int,
        *,
        like: Tensor,
        support: Any = constraints.real_vector,
    ) -> None:
        self.network, self.context, self.like, self.own_support = network, context, like, support
        self.sequential = network.base is not None
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None
        super().__init__(torch.Size(batch_shape), torch.Size((dim,)), validate_args=False)

    @property
    def has_rsample(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether draws carry the whole gradient."""
        return self.network.base is None

    @property
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Where x has a density."""
        return self.own_support

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> FlowDistribution:
        """The same with more independent rows."""
        return FlowDistribution(
            self.network,
            self.context,
            tuple(batch_shape),
            self.event_shape[0],
            like=self.like,
            support=self.own_support,
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw rows, shape (*sample_shape, *batch_shape, D)."""
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        u = self.network.noise(self.like.new_empty(shape))
        x, log_volume = self.network.to_data(u, self.context)
        self._seen = x, u, self.network.log_base(u) - log_volume
        return x

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw rows without a gradient."""
        with torch.no_grad():
            x = self.rsample(sample_shape)
        self._seen = None  # it has no gradient, which the density has
        return x

    def look_at(self, x: Tensor) -> None:
        """Work out u and log p of a value, and remember them."""
        self._seen = self._worked_out(x)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x), of the value's leading shape."""
        return self._of(value)[2]

    def to_base(self, x: Tensor) -> Tensor:
        """The noise u that x is made of, of the same shape."""
        return self._of(x)[1]

    def from_base(self, u: Tensor) -> Tensor:
        """x of some noise, of the same shape."""
        return self.network.to_data(u, self.context)[0]

    def _of(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self._seen is not None and value is self._seen[0]:
            return self._seen
        return self._worked_out(value)

    def _worked_out(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, log_volume = self.network.to_noise(x.to(self.like), self.context)
        return x, u, self.network.log_base(u) + log_volume
