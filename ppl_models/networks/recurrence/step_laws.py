"""What an output says of one step of a sequence (torch)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import softplus

SMALLEST = 1e-3  # scale: softplus alone can underflow to zero


class BernoulliFrame:
    """Binary entries of a step, independent given the steps before: logits = output."""

    support: Any = constraints.independent(constraints.boolean, 2)

    def __init__(self, data_dim: int) -> None:
        self.size = data_dim

    def law(self, output: Tensor, temperature: float = 1.0) -> Any:
        """The law of a step, batch shape (...,), from output (..., size)."""
        return dist.Bernoulli(logits=output / temperature).to_event(1)

    def draw(
        self, output: Tensor, value: Tensor, held: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """A step with some entries held, (..., data_dim), and log p of what is held, (...)."""
        each = dist.Bernoulli(logits=output / temperature)
        entry = torch.where(held, value, each.sample())
        return entry, each.log_prob(entry).where(held, 0.0).sum(-1)


class MixtureFrame:
    """Real entries of a step by a mixture of Gaussians whose parameters are the output.

        p(x) = sum_k softmax(a)_k prod_d Normal(x_d; m_kd, softplus(s_kd) + 0.001)

    with output = (a, m, s): a mixture density (Bishop 1994; Schuster 1999).
    """

    support: Any = constraints.independent(constraints.real, 2)

    def __init__(self, data_dim: int, components: int) -> None:
        self.data_dim, self.components = data_dim, components
        self.size = components * (1 + 2 * data_dim)

    def parts(self, output: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (..., K), means and scales, each (..., K, data_dim)."""
        number = self.components * self.data_dim
        logits, mean, scale = output.split([self.components, number, number], -1)
        shape = (*output.shape[:-1], self.components, self.data_dim)
        scale = (softplus(scale) + SMALLEST) * temperature**0.5
        weights = (logits / temperature).log_softmax(-1)
        return weights, mean.reshape(shape), scale.reshape(shape)

    def law(self, output: Tensor, temperature: float = 1.0) -> Any:
        """The law of a step, batch shape (...,), from output (..., size)."""
        weights, mean, scale = self.parts(output, temperature)
        return dist.MixtureSameFamily(
            dist.Categorical(logits=weights), dist.Normal(mean, scale).to_event(1)
        )

    def draw(
        self, output: Tensor, value: Tensor, held: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """A step with some entries held: the component is drawn given these."""
        weights, mean, scale = self.parts(output, temperature)
        each = dist.Normal(mean, scale)
        known = each.log_prob(value.unsqueeze(-2)).where(held.unsqueeze(-2), 0.0).sum(-1)
        weights = weights + known
        chosen = dist.Categorical(logits=weights).sample()[..., None, None]
        index = chosen.expand(*chosen.shape[:-1], self.data_dim)
        drawn = torch.normal(mean, scale).gather(-2, index).squeeze(-2)
        return torch.where(held, value, drawn), weights.logsumexp(-1)


def frame(kind: str, data_dim: int, components: int) -> Any:
    """The law of a step by name, one of `sequences.FRAMES`."""
    return BernoulliFrame(data_dim) if kind == "bernoulli" else MixtureFrame(data_dim, components)
