"""Chains from the prior to the posterior and back: temperatures, step sizes, and log weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import Chunk
from inference.errors import DivergenceError
from inference.program.annealing_conditions import check_start
from inference.program.instruments import Annealer

TARGET = 0.65  # acceptance rate at which Hamiltonian Monte Carlo is most efficient (Neal 2011)


def temperatures(count: int, schedule: str) -> NDArray[np.float64]:
    """The powers b_0 = 0, ..., b_T = 1 of the likelihood."""
    if schedule == "linear":
        return np.linspace(0.0, 1.0, count + 1)
    curve = 1.0 / (1.0 + np.exp(-np.linspace(-4.0, 4.0, count + 1)))
    return (curve - curve[0]) / (curve[-1] - curve[0])


class Seeds:
    """Seeds of all moves of a chunk, different for pilot, forward and reverse chains."""

    def __init__(self, seed: int, chunk: int) -> None:
        self.seed, self.chunk = int(seed), chunk

    def __call__(self, stage: int, count: int) -> NDArray[Any]:
        """`count` seeds of a stage."""
        return np.random.SeedSequence((self.seed, self.chunk, stage)).generate_state(count)


def step_sizes(
    annealer: Annealer, chunk: Chunk, betas: NDArray[np.float64], seeds: Seeds
) -> NDArray[np.float64]:
    """Step sizes by temperature and chain, (T - 1, R), from a pilot run.

    It visits an eighth of the temperatures, but no fewer than 100. At each, the logarithm of a
    datum's step size goes half the way from its chains' acceptance rate to the target.
    """
    inner = betas[1:-1]
    if not len(inner):
        return np.zeros((0, len(chunk.rows[0])))
    count = min(len(inner), max(100, len(inner) // 8))
    visited = np.unique(np.linspace(0, len(inner) - 1, count).round().astype(int))
    warm_up = 20  # moves to find the prior's step size, from too small a one
    path = np.concatenate([np.zeros(warm_up, dtype=int), visited])
    state = begin(annealer, chunk, seeds(0, 1)[0])
    log_size = np.full(chunk.size, math.log(0.3))
    found = np.zeros((len(path), chunk.size))
    for row, (position, seed) in enumerate(zip(path, seeds(1, len(path)), strict=True)):
        size = np.tile(np.exp(log_size), chunk.copies)
        state, chance = annealer.move(state, np.float64(inner[position]), size, seed)
        rate = np.nan_to_num(chance).reshape(chunk.copies, chunk.size).mean(0)
        log_size = log_size + 0.5 * (rate - TARGET)
        found[row] = log_size
    found = found[warm_up:]
    every = np.arange(len(inner))
    filled = [np.interp(every, visited, column) for column in found.T]
    return np.exp(np.tile(np.stack(filled, 1), chunk.copies))


@dataclass(frozen=True)
class Part:
    """Chains of one chunk: log weights, (C, real), and the mean acceptance."""

    log_weights: NDArray[np.float64]
    acceptance: float


def forward(
    annealer: Annealer,
    chunk: Chunk,
    betas: NDArray[np.float64],
    sizes: NDArray[np.float64],
    seeds: Seeds,
) -> Part:
    """Chains from the prior to the posterior; their weights' mean is p(x)."""
    state = begin(annealer, chunk, seeds(2, 1)[0])
    return sweep(annealer, chunk, state, betas, sizes, seeds(3, len(betas)))


def begin(annealer: Annealer, chunk: Chunk, seed: Any) -> Any:
    """Chains at draws from the prior."""
    state = annealer.prior(chunk.rows, int(seed))
    check_start(np.asarray(state.log_prior), np.asarray(state.log_likelihood), chunk.size)
    return state


def sweep(
    annealer: Annealer,
    chunk: Chunk,
    state: Any,
    betas: NDArray[np.float64],
    sizes: NDArray[np.float64],
    seeds: Sequence[Any] | NDArray[Any],
) -> Part:
    """Chains through the temperatures, up or down; the log weight is the same sum both ways.

    Raises:
        DivergenceError: if at some temperature no chain ends where the density is finite.
    """
    steps = np.abs(increments(betas))
    log_w = steps[0] * np.asarray(state.log_likelihood, np.float64)
    rates = []
    for beta, size, step, seed in zip(betas[1:-1], sizes, steps[1:], seeds, strict=False):
        state, chance = annealer.move(state, beta, size, int(seed))
        if np.isnan(chance).all():
            raise DivergenceError(
                f"at the power {beta:.3g} of the likelihood, every move ends where the density of "
                "model and data is not finite. Check the pair's parameters."
            )
        rates.append(np.nan_to_num(chance).mean())
        log_w += step * np.asarray(state.log_likelihood, np.float64)
    acceptance = float(np.mean(rates)) if rates else math.nan
    return Part(log_w.reshape(chunk.copies, chunk.size)[:, : chunk.real], acceptance)


def increments(betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the power rises from each temperature to the next."""
    return np.diff(betas)
