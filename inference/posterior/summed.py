"""Discrete latents that a guide leaves out, drawn from their posterior given its draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from inference.likelihood.left_out import left_to_sums, states_of
from inference.program.engine import Engine
from inference.program.posterior_scores import GuideDraws
from inference.program.structure import Structure


def with_left_out(
    backend: Engine,
    pair: Any,
    arrays: tuple[NDArray[Any], ...],
    structure: Structure,
    drawn: GuideDraws,
    num_draws: int,
    seed: int,
) -> GuideDraws:
    """Draws of the guide's beside draws b ~ p(b | z, x) of what it leaves out, for each datum.

    The probabilities are those of all joint states b of a datum, p(x, z, b) over their sum, so that
    log p(x, z, b) - log q(z | x) - log p(b | z, x) is the weight with b summed out.

    Args:
        backend: the engine.
        pair: the pair.
        arrays: the data.
        structure: sites and plates.
        drawn: what the guide has drawn.
        num_draws: S.
        seed: seed of the draws.
    """
    sites = left_to_sums(structure)
    if not sites:
        return drawn
    grid = states_of(structure, sites)

    def log_joint(state: int) -> NDArray[np.float64]:
        held = {n: np.repeat(values[state : state + 1], num_draws, 0) for n, values in grid.items()}
        scored = backend.score_draws(pair, arrays, {**drawn.latents, **held}, num_draws, seed)
        return scored.log_p.astype(np.float64)

    log_p = np.stack([log_joint(state) for state in range(len(grid[sites[0].name]))])
    total: Any = logsumexp(log_p, axis=0)
    # Where no state has any probability, as beside a draw that the model excludes, there is no
    # posterior: all states are drawn alike there, and the weight is zero.
    nowhere = total == -np.inf  # (S, N)
    log_posterior = np.where(nowhere, -np.log(len(log_p)), log_p - np.where(nowhere, 0.0, total))
    noise = np.random.default_rng(seed).gumbel(size=log_p.shape)
    chosen = (log_posterior + noise).argmax(0)  # (S, N)
    log_q = drawn.log_q + np.take_along_axis(log_posterior, chosen[None], 0)[0]
    values = {}
    for site in sites:
        states = grid[site.name]
        cells = structure.spread(chosen, site).reshape(
            num_draws,
            *structure.row_shape[structure.nesting - len(site.batch_shape) :],
            *(1 for _ in site.event_shape),
        )
        value = np.zeros((num_draws, *states.shape[1:]), states.dtype)
        for number, state in enumerate(states):
            value = np.where(cells == number, state, value)
        values[site.name] = value
    return replace(drawn, latents={**drawn.latents, **values}, log_q=log_q)
