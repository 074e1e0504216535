"""Networks that a user gives a NumPyro pair in place of its own (flax NNX)."""

from __future__ import annotations

import copy

import jax.numpy as jnp
from flax import nnx


def given_network(name: str, network: nnx.Module, inputs: int, outputs: int) -> nnx.Module:
    """Return the network if it takes (rows, inputs) to (rows, outputs).

    Raises:
        ValueError: if it is no module, fails, or has another shape; the message names the argument.
    """
    wanted = f"{name} must be a flax nnx.Module from (..., {inputs}) to (..., {outputs})"
    if not isinstance(network, nnx.Module) or not callable(network):
        raise ValueError(f"{wanted}, or None for the pair's own; got {network!r}.")
    try:
        found = tuple(copy.deepcopy(network)(jnp.zeros((2, inputs))).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"{wanted}, but it fails on (2, {inputs}): {error}") from error
    if found != (2, outputs):
        raise ValueError(f"{wanted}, but it takes (2, {inputs}) to {found}.")
    return network
