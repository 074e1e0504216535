"""Networks that a user gives a Pyro pair in place of its own (torch)."""

from __future__ import annotations

import copy

import torch
from torch import nn


def given_network(name: str, network: nn.Module, inputs: int, outputs: int) -> nn.Module:
    """Return the network if it takes (rows, inputs) to (rows, outputs).

    Raises:
        ValueError: if it is no module, fails, or has another shape; the message names the argument.
    """
    wanted = f"{name} must be a torch.nn.Module from (..., {inputs}) to (..., {outputs})"
    if not isinstance(network, nn.Module):
        raise ValueError(f"{wanted}, or None for the pair's own; got {network!r}.")
    try:
        with torch.no_grad(), torch.random.fork_rng():
            found = tuple(copy.deepcopy(network).eval()(torch.zeros(2, inputs)).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"{wanted}, but it fails on (2, {inputs}): {error}") from error
    if found != (2, outputs):
        raise ValueError(f"{wanted}, but it takes (2, {inputs}) to {found}.")
    return network
