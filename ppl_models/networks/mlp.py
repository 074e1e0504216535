"""Fully connected networks for Pyro pairs (torch)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models._shown import shown


def leaky_relu(x: Tensor) -> Tensor:
    """x above zero and x / 5 below; it has a name, so that a pair can be pickled."""
    return nn.functional.leaky_relu(x, 0.2)


ACTIVATION_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": nn.functional.softplus,
    "elu": nn.functional.elu,
    "silu": nn.functional.silu,
    "leaky-relu": leaky_relu,
    "sigmoid": torch.sigmoid,
}


def linear(
    fan_in: int, fan_out: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A linear layer with Glorot uniform weights and zero biases (Glorot & Bengio 2010)."""
    # Torch's own initialisation would be thrown away, and move its global random state.
    layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, fan_in, fan_out, bias=bias))
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class MLP(nn.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    Weights are Glorot uniform and biases zero (Glorot & Bengio 2010), the initialisation of the
    published VAE and IWAE recipes.
    """

    def __init__(self, sizes: Sequence[int], activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = ACTIVATION_FUNCTIONS[activation]
        self.layers = nn.ModuleList(linear(*pair, generator) for pair in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        with torch.no_grad():
            cast(nn.Linear, self.layers[-1]).bias.copy_(torch.as_tensor(bias))


class TwoInputMLP(MLP):
    """An MLP of two inputs side by side: (..., first) and (..., second) to (..., sizes[-1]).

    Its first layer is W_1 first + W_2 second + b, each product with the leading dimensions that
    its own input has: where particles or enumerated states have only one of the two, the other's
    product is worked out once.
    """

    def __init__(
        self,
        inputs: tuple[int, int],
        sizes: Sequence[int],
        activation: str,
        generator: torch.Generator,
    ) -> None:
        super().__init__([sum(inputs), *sizes], activation, generator)
        self.inputs = inputs

    def forward(self, first: Tensor, second: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the layers to the last dimensions; the others broadcast."""
        joint, *rest = self.layers
        weight, bias = cast(nn.Linear, joint).weight, cast(nn.Linear, joint).bias
        one, other = weight.split(self.inputs, dim=1)
        output = nn.functional.linear(first, one, bias) + nn.functional.linear(second, other)
        for layer in rest:
            output = layer(self.activation(output))
        return output


class Rung(MLP):
    """One step up a ladder guide: an MLP that also returns the features below its last layer.

    (Sonderby et al. 2016, arXiv:1602.02282.)
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Features (..., sizes[-2]) and output (..., sizes[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return x, cast(nn.Linear, last)(x)


def mlp_or_given(
    name: str,
    given: nn.Module | None,
    sizes: Sequence[int],
    activation: str,
    generator: torch.Generator,
) -> nn.Module:
    """An MLP, or the network that a user gives in its place.

    Args:
        name: what the argument is called.
        given: the user's network, from (rows, sizes[0]) to (rows, sizes[-1]), or None.
        sizes: those of the MLP.
        activation: that of the MLP.
        generator: source of its weights.

    Raises:
        ValueError: if what is given is no module, fails, or has another shape.
    """
    if given is None:
        return MLP(sizes, activation, generator)
    inputs, outputs = sizes[0], sizes[-1]
    wanted = f"{name} must be a torch.nn.Module from (..., {inputs}) to (..., {outputs})"
    if not isinstance(given, nn.Module):
        raise ValueError(f"{wanted}, or None for the pair's own; got {shown(given)}.")
    try:
        with torch.no_grad(), torch.random.fork_rng():
            found = tuple(copy.deepcopy(given).eval()(torch.zeros(2, inputs)).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"{wanted}, but it fails on (2, {inputs}): {error}") from error
    if found != (2, outputs):
        raise ValueError(f"{wanted}, but it takes (2, {inputs}) to {found}.")
    return given
