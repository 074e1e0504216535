"""Many gradients of one objective at fixed parameters, on Pyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro.infer import elbo as upstream

from inference.engines.program import OWNED
from inference.engines.pyro.pairs import StoredPair, set_values, stored_values, unconstrained


def gradients(
    pair: Any,
    objective: Any,
    batch: tuple[NDArray[Any], ...],
    repeats: int,
    *,
    values: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Gradients of the objective's loss by parameter, (repeats, ...) each, and its values.

    Args:
        pair: the pair.
        objective: an objective, or a loss of Pyro's own.
        batch: what model and guide take.
        repeats: how many gradients, each from draws of its own.
        values: parameters in place of the pair's initial ones; of what the objective owns too,
            by their names without the prefix `objective.`.
        seed: seed of the draws.
    """
    stored = StoredPair(pair)
    args = tuple(torch.tensor(np.asarray(array)) for array in batch)
    theirs = isinstance(objective, upstream.ELBO)
    collected: dict[str, list[NDArray[np.float64]]] = {}
    losses = []
    with stored.scope(), torch.random.fork_rng(), pyro.validation_enabled(False):
        torch.manual_seed(seed)
        _loss(objective, stored, args, theirs=theirs)  # brings all parameters into being
        start = stored_values(stored, owned=True)
        for name, value in (values or {}).items():
            start |= {key: value for key in (name, OWNED + name) if key in start}
        set_values(stored, start, owned=True)
        leaves = unconstrained(stored)
        for _ in range(repeats):
            if getattr(objective, "owns", False):
                set_values(stored, start, owned=True)  # what it carries along moves on
            for leaf in leaves.values():
                leaf.grad = None
            losses.append(_loss(objective, stored, args, theirs=theirs))
            for name, leaf in leaves.items():
                grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
                collected.setdefault(name, []).append(grad.double().numpy().copy())
    return {name: np.stack(parts) for name, parts in collected.items()}, np.array(losses)


def _loss(objective: Any, pair: StoredPair, args: tuple[torch.Tensor, ...], *, theirs: bool) -> Any:
    if theirs:
        loss = objective.loss_and_grads(pair.model, pair.guide, *args)
        return float(loss[0] if isinstance(loss, tuple) else loss)
    loss = objective(pair.model, pair.guide, *args)
    loss.backward()
    return loss.item()
