"""Weights with the discrete latents summed over that a guide leaves to `Enumerated`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from inference.data.rows import Arrays
from inference.objectives.enumerated import state_count, state_grid
from inference.program.discrete_states import MOST_STATES
from inference.program.engine import Engine
from inference.program.sites import Site
from inference.program.structure import Structure

Sums = tuple[NDArray[Any], NDArray[Any]]


def left_to_sums(structure: Structure) -> list[Site]:
    """The model's latents of each datum that the guide leaves out and that have few joint states.

    They are what `Enumerated` sums over; none where others are left out, too.
    """
    left = [site for site in structure.latents if site.name in structure.left_out]
    local = bool(structure.shared_plates) and all(site.family for site in left)
    return left if local and state_count(structure, left) <= MOST_STATES else []


def states_of(structure: Structure, sites: list[Site]) -> dict[str, NDArray[Any]]:
    """Every joint state of the sites, (states, *batch, *event) each, as the model has them."""
    grid = zip(sites, state_grid(structure, sites).values(), strict=True)
    return {s.name: each.reshape(-1, *s.batch_shape, *s.event_shape) for s, each in grid}


def summed_log_weights(
    backend: Engine, pair: Any, check: Callable[[Structure], None], head: Arrays, seed: int
) -> Callable[..., Sums]:
    """As an engine's `log_weights`, of weights sum_b p(x, z_k, b) / q(z_k | x).

    Every state b is scored beside the same draws z_k, as a seed decides them, so that the sum over
    states is exact and its square that of each draw.

    Args:
        backend: the engine.
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        head: data to find the structure with.
        seed: seed of the draws.
    """
    densities = backend.site_densities(pair, check, head, seed)
    known: dict[int, Structure] = {}

    def weights(rows: Arrays, num_particles: int, at: Any, held: Mapping[str, Any] | None) -> Sums:
        size = len(rows[0])
        if size not in known:  # the states have the shapes of these rows
            known[size] = backend.structure(pair, rows)
        grid = states_of(known[size], left_to_sums(known[size]))
        total: Any = -np.inf
        for state in range(len(next(iter(grid.values())))):
            own = {name: values[state] for name, values in grid.items()} | dict(held or {})
            found = densities(rows, num_particles, at, own)
            log_w = found.likelihood_weight(known[size].training_only)
            total = np.logaddexp(total, np.asarray(log_w, np.float64))
        return np.asarray(logsumexp(total, axis=0)), np.asarray(logsumexp(2 * total, axis=0))

    return weights
