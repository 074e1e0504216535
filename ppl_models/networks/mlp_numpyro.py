"""Fully connected networks for NumPyro pairs (flax NNX)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray

from ppl_models._shown import shown


def leaky_relu(x: jax.Array) -> jax.Array:
    """x above zero and x / 5 below; it has a name, so that a pair can be pickled."""
    return nnx.leaky_relu(x, 0.2)


ACTIVATION_FUNCTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": nnx.relu,
    "softplus": nnx.softplus,
    "elu": nnx.elu,
    "silu": nnx.silu,
    "leaky-relu": leaky_relu,
    "sigmoid": nnx.sigmoid,
}


def linear(fan_in: int, fan_out: int, rngs: nnx.Rngs, *, bias: bool = True) -> nnx.Linear:
    """A linear layer with Glorot uniform weights and zero biases (Glorot & Bengio 2010)."""
    glorot = nnx.initializers.glorot_uniform()
    return nnx.Linear(fan_in, fan_out, use_bias=bias, kernel_init=glorot, rngs=rngs)


class MLP(nnx.Module):
    """Linear layers with an activation between them: (..., sizes[0]) to (..., sizes[-1]).

    See `mlp.MLP`.
    """

    def __init__(self, sizes: Sequence[int], activation: str, rngs: nnx.Rngs) -> None:
        self.activation = ACTIVATION_FUNCTIONS[activation]
        self.layers = nnx.List(linear(*pair, rngs) for pair in pairwise(sizes))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layers to the last dimension."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the last layer, shape (sizes[-1],)."""
        self.layers[-1].bias = nnx.Param(jnp.asarray(bias))


class TwoInputMLP(MLP):
    """An MLP of two inputs side by side: (..., first) and (..., second) to (..., sizes[-1])."""

    def __init__(
        self, inputs: tuple[int, int], sizes: Sequence[int], activation: str, rngs: nnx.Rngs
    ) -> None:
        super().__init__([sum(inputs), *sizes], activation, rngs)
        self.inputs = inputs

    def __call__(self, first: jax.Array, second: jax.Array) -> jax.Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the layers to the last dimensions; the others broadcast."""
        joint, *rest = self.layers
        kernel, size = jnp.asarray(joint.kernel), self.inputs[0]
        output = first @ kernel[:size] + jnp.asarray(joint.bias) + second @ kernel[size:]
        for layer in rest:
            output = layer(self.activation(output))
        return output


class Rung(MLP):
    """One step up a ladder guide: an MLP that also returns the features below its last layer."""

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Features (..., sizes[-2]) and output (..., sizes[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return x, last(x)


def mlp_or_given(
    name: str, given: nnx.Module | None, sizes: Sequence[int], activation: str, rngs: nnx.Rngs
) -> Any:
    """An MLP, or the network that a user gives in its place: see `mlp.mlp_or_given`.

    Raises:
        ValueError: if what is given is no module, fails, or has another shape.
    """
    if given is None:
        return MLP(sizes, activation, rngs)
    inputs, outputs = sizes[0], sizes[-1]
    wanted = f"{name} must be a flax nnx.Module from (..., {inputs}) to (..., {outputs})"
    if not isinstance(given, nnx.Module) or not callable(given):
        raise ValueError(f"{wanted}, or None for the pair's own; got {shown(given)}.")
    try:
        found = tuple(copy.deepcopy(given)(jnp.zeros((2, inputs))).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"{wanted}, but it fails on (2, {inputs}): {error}") from error
    if found != (2, outputs):
        raise ValueError(f"{wanted}, but it takes (2, {inputs}) to {found}.")
    return given
