"""Networks in which no output sees its own entry or one after it (torch)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear as affine
from torch.nn.functional import softplus

from ppl_models.networks.autoregression.connections import START, Connections
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS, linear


class MaskedNetwork(nn.Module):
    """Logits of binary entries, each from those before it in one of several orders.

        h = f(W x + b) ...,  logits = V h + c (+ A x)

    where a weight counts only if what it carries may be seen: `Connections` says so, and holds
    the orders and the masks, all of which share the weights (Germain et al. 2015,
    arXiv:1502.03509). Without hidden layers it is logits = A x + c, a logistic regression of each
    entry on those before it.

    Args:
        connections: orders and degrees.
        activation: of the hidden layers.
        generator: source of the Glorot uniform weights, a tenth of them in A; biases begin at zero.
        direct: whether there is A beside hidden layers.
    """

    def __init__(
        self,
        connections: Connections,
        activation: str,
        generator: torch.Generator,
        *,
        direct: bool = False,
    ) -> None:
        super().__init__()
        self.connections = connections
        self.activation = ACTIVATION_FUNCTIONS[activation]
        sizes = (connections.dim, *connections.hidden, connections.dim)
        self.layers = nn.ModuleList(linear(*pair, generator) for pair in pairwise(sizes))
        straight = direct and connections.hidden
        self.direct = linear(sizes[0], sizes[0], generator, bias=False) if straight else None
        small = self.layers[0] if not connections.hidden else self.direct
        if small is not None:
            with torch.no_grad():
                _weight(small).mul_(START)
        self._ranks = torch.tensor(connections.ranks())
        self._degrees = [torch.tensor(layer) for layer in connections.degrees()]

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        with torch.no_grad():
            cast(nn.Linear, self.layers[-1]).bias.copy_(torch.as_tensor(bias))

    def ranks(self, component: int) -> Tensor:
        """The rank of each entry in one of the orders, (dim,)."""
        return self._ranks[component].to(_weight(self.layers[-1]).device)

    def features(self, inputs: Tensor, component: int) -> Tensor:
        """The last hidden layer, (..., size)."""
        return self._hidden(inputs, component)[0]

    def _hidden(self, inputs: Tensor, component: int) -> tuple[Tensor, Tensor]:
        """The last hidden layer, and which outputs see what of it: units of at most their rank."""
        below, seen = inputs, self.ranks(component) + 1
        for layer, degrees in zip(self.layers, self._degrees, strict=False):
            own = degrees[component].to(seen.device)
            weight = _weight(layer) * (seen <= own[:, None])
            below, seen = self.activation(affine(below, weight, _bias(layer))), own
        return below, seen

    def logits(self, inputs: Tensor, component: int = 0) -> Tensor:
        """Logits of all entries, (..., dim), from inputs (..., dim)."""
        below, seen = self._hidden(inputs, component)
        ranks, last = self.ranks(component), self.layers[-1]
        logits = affine(below, _weight(last) * (seen <= ranks[:, None]), _bias(last))
        if self.direct is not None:
            logits = logits + affine(inputs, _weight(self.direct) * (ranks < ranks[:, None]))
        return logits

    @torch.no_grad()
    def complete(
        self,
        values: Tensor,
        held: Tensor,
        noise: Tensor,
        temperature: float = 1.0,
        component: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Draw the entries that are not held, one after another.

        A unit is computed at the step of its degree, when all that it sees has been drawn, so that
        the whole costs one pass of the network.

        Args:
            values: what the held entries are, (..., dim).
            held: which these are, (..., dim).
            noise: standard logistic, (..., dim).
            temperature: what the logits are divided by.
            component: which of the masked networks.

        Returns:
            The rows, (..., dim), and the log probability of the held entries, each given those
            before it, (...).
        """
        order = self.ranks(component).argsort()
        drawn = torch.zeros_like(values)
        layers = [values.new_zeros(*values.shape[:-1], h) for h in self.connections.hidden]
        log_weight = values.new_zeros(values.shape[:-1])
        last = self.layers[-1]
        for step, place in enumerate(order.tolist()):
            below = drawn
            for own, layer, degrees in zip(layers, self.layers, self._degrees, strict=False):
                units = (degrees[component] == step).nonzero()[:, 0].to(values.device)
                if len(units):
                    found = affine(below, _weight(layer)[units], _bias(layer)[units])
                    own[..., units] = self.activation(found)
                below = own
            logit = below @ _weight(last)[place] + _bias(last)[place]
            if self.direct is not None:
                logit = logit + drawn @ _weight(self.direct)[place]
            logit = logit / temperature
            entry = drawn_or_held(logit, noise[..., place], values[..., place], held[..., place])
            drawn[..., place] = entry[0]
            log_weight = log_weight + entry[1]
        return drawn, log_weight


def drawn_or_held(
    logit: Tensor, noise: Tensor, value: Tensor, held: Tensor
) -> tuple[Tensor, Tensor]:
    """A binary entry, drawn by logistic noise or held at a value, and log p of what is held."""
    entry = torch.where(held, value, (logit + noise > 0).to(value))
    score = -softplus(torch.where(entry > 0.5, -logit, logit))
    return entry, score.where(held, 0.0)


def _weight(layer: Any) -> Tensor:
    return cast(Tensor, layer.weight)


def _bias(layer: Any) -> Tensor:
    return cast(Tensor, layer.bias)
