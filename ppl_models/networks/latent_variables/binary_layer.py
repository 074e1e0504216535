"""A layer of binary units, with or without connections between them (torch)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models.networks.autoregression.autoregressive import Autoregressive, drawn_or_held
from ppl_models.networks.latent_variables.latent_structure import UnitLayer


class AutoregressiveBernoulli(Autoregressive):
    """Binary units v of one layer, each conditioned on those before it.

        v_i ~ Bernoulli(logits = base_logits_i + sum_{j < i} lateral_ij s(v_j))

    Args:
        base_logits: shape (..., D).
        lateral: shape (D, D); what is not below its diagonal is not used.
        signed: whether s(v) = 2 v - 1 in place of v.
    """

    def __init__(
        self,
        base_logits: Tensor,
        lateral: Tensor,
        *,
        signed: bool = False,
        validate_args: bool | None = None,
    ) -> None:
        self.base_logits, self.signed = base_logits, signed
        self.lateral = lateral.tril(-1)
        super().__init__(
            base_logits.shape[:-1], base_logits.shape[-1:], validate_args=validate_args
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> AutoregressiveBernoulli:
        """The same units for more data."""
        wider = self.base_logits.expand(torch.Size(batch_shape) + self.event_shape)
        return AutoregressiveBernoulli(wider, self.lateral, signed=self.signed, validate_args=False)

    @property
    def ranks(self) -> Tensor:
        """Units are drawn in the order in which they are stored."""
        return torch.arange(self.event_shape[0])

    def conditionals(self, inputs: Tensor) -> Any:
        """The law of each unit given the values of those before it."""
        return dist.Bernoulli(logits=self.logits_given(inputs)).to_event(1)

    def features(self, inputs: Tensor) -> Tensor:
        """The logits: there are no hidden states."""
        return self.logits_given(inputs)

    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw the units that are not held, one after another."""
        shape = torch.broadcast_shapes(values.shape, self.base_logits.shape)
        with torch.no_grad():
            noise = torch.logit(torch.rand(shape, dtype=self.base_logits.dtype))
            base, values, held = (part.expand(shape) for part in (self.base_logits, values, held))
            drawn, log_weight = torch.zeros_like(base), base.new_zeros(shape[:-1])
            for place, row in enumerate(self.lateral):
                logit = (base[..., place] + signal(drawn, signed=self.signed) @ row) / temperature
                entry = drawn_or_held(
                    logit, noise[..., place], values[..., place], held[..., place]
                )
                drawn[..., place] = entry[0]
                log_weight = log_weight + entry[1]
        return drawn, log_weight

    def _zeros(self, shape: Any) -> Tensor:
        return self.base_logits.new_zeros(shape)

    def logits_given(self, value: Tensor) -> Tensor:
        """The logit of each unit given the values of those before it."""
        return self.base_logits + signal(value, signed=self.signed) @ self.lateral.T


class BinaryLayer(nn.Module):
    """The distribution of a layer of binary units given the layer next to it.

    Args:
        layer: its size, and what it sees.
        generator: source of the Glorot uniform weights; biases and lateral weights begin at zero.
    """

    def __init__(self, layer: UnitLayer, generator: torch.Generator) -> None:
        super().__init__()
        self.neighbour_signed, self.units_signed = layer.neighbour_signed, layer.units_signed
        fan_in, fan_out = layer.fan_in, layer.fan_out
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.weight = None
        if fan_in is not None:
            weight = torch.empty(fan_out, fan_in)
            self.weight = nn.Parameter(nn.init.xavier_uniform_(weight, generator=generator))
        self.lateral = nn.Parameter(torch.zeros(fan_out, fan_out)) if layer.autoregressive else None

    def forward(self, neighbour: Tensor | None = None) -> dist.TorchDistribution:
        """The distribution given the values in {0, 1} of the layer next to it, (..., fan_in)."""
        logits = self.bias
        if self.weight is not None and neighbour is not None:
            logits = signal(neighbour, signed=self.neighbour_signed) @ self.weight.T + logits
        if self.lateral is None:
            return dist.Bernoulli(logits=logits).to_event(1)
        return AutoregressiveBernoulli(logits, self.lateral, signed=self.units_signed)

    def set_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias, shape (fan_out,)."""
        with torch.no_grad():
            self.bias.copy_(torch.as_tensor(bias))


def signal(value: Tensor, *, signed: bool) -> Tensor:
    """Values in {0, 1} as the layers see them: as they are, or in {-1, 1}."""
    return 2 * value - 1 if signed else value


def mean_given(distribution: Any, value: Tensor) -> Tensor:
    """The probability of each unit being on, given the values of those before it."""
    if isinstance(distribution, AutoregressiveBernoulli):
        return distribution.mean_given(value)
    return distribution.mean
