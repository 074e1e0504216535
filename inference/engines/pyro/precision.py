"""The type of real numbers that a pair computes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from inference.engines.pyro.pair_networks import networks


def precision(pair: Any) -> type[np.floating[Any]]:
    """Float64 if the pair's parameters are, or torch makes new numbers so; otherwise float32.

    Args:
        pair: a pair, a fitted one, or a `(model, guide)` tuple.
    """
    known = [t for network in networks(getattr(pair, "wrapped", pair)) for t in _tensors(network)]
    known += getattr(pair, "store", {}).get("params", {}).values()
    types = {tensor.dtype for tensor in known if tensor.is_floating_point()}
    double = torch.float64 in (types or {torch.get_default_dtype()})
    return np.float64 if double else np.float32


def _tensors(network: torch.nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]
