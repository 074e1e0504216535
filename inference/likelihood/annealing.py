"""Annealed importance sampling: the log-likelihood of any decoder, with or without an encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_positive, check_seed
from inference.data.rows import Chunk, chunks
from inference.data.support import check_support
from inference.errors import DivergenceError
from inference.likelihood.importance_sampling import Estimate
from inference.likelihood.spread import over_data
from inference.pairs import explaining, fitted_on
from inference.program.annealing_conditions import check_start

SCHEDULES = ("sigmoid", "linear")
TARGET = 0.65  # acceptance rate at which Hamiltonian Monte Carlo is most efficient (Neal 2011)


@dataclass(frozen=True)
class AnnealedEstimate(Estimate):
    """A log-likelihood in nats by annealing.

    Attributes:
        chains: log weights of the chains, shape (C, N).
        acceptance: mean probability with which a chain moved.
        effective_sample_size: (sum w)^2 / sum w^2 over the chains, one value per datum, (N,).
        monte_carlo_error: standard error of `mean` over other draws of the chains, from the spread
            of the weights between chains; `standard_error` is over other data. Where few chains
            carry the weight, it is too small.
    """

    chains: NDArray[np.float64] = field(repr=False)
    acceptance: float
    effective_sample_size: NDArray[np.float64] = field(repr=False)
    monte_carlo_error: float


def annealed_importance_sampling(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    num_chains: int = 16,
    num_temperatures: int = 1000,
    leapfrog_steps: int = 10,
    noise_scale: float | None = None,
    schedule: Literal["sigmoid", "linear"] = "sigmoid",
    seed: int = 0,
    chunk_size: int = 2_000,
    engine: str | None = None,
) -> AnnealedEstimate:
    """Log-likelihood of data under a fitted model, without its guide (Neal 2001; Wu et al. 2017).

    Each of C chains per datum begins at a draw from the prior and moves, by Hamiltonian Monte
    Carlo, through T distributions on the way to the posterior (arXiv:1611.04273):

        f_t(z) = p(z) p(x | z)^b_t,  0 = b_0 < ... < b_T = 1,  z_0 ~ p(z),
        z_t from z_{t-1} by a move that leaves f_t as it is,
        w = prod_{t=1}^{T} f_t(z_{t-1}) / f_{t-1}(z_{t-1}),
        log p(x) ~ log 1/C sum_c w_c,

    which is below log p(x) in expectation and rises with C and T. A move draws a momentum of unit
    mass, takes leapfrog steps and accepts or rejects where they end. A shorter pilot run, with
    draws of its own, adapts the step size of each datum at each temperature to an acceptance rate
    of .65. For the run itself the sizes are fixed, but for a factor from .8 to 1.2 that is drawn
    anew for each move: so every move leaves its distribution exactly as it is, and the bound holds.

    A latent on an interval is moved on the real line, with the Jacobian of the map. A latent with
    finitely many values cannot be moved.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        num_chains: C.
        num_temperatures: T.
        leapfrog_steps: steps of one move.
        noise_scale: when given, x ~ Normal(mean, noise_scale) takes the place of the pair's own
            likelihood of x, where mean is what the model returns. So a generator that was trained
            without a likelihood can be scored.
        schedule: `"sigmoid"`: b_t is a logistic curve between -4 and 4, rescaled to [0, 1];
            `"linear"`: b_t = t / T.
        seed: seed of the draws.
        chunk_size: largest number of chains times data to be moved at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Mean, standard errors, values per datum, log weights, acceptance.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the data.
        DivergenceError: if no chain can move, because no density is finite.
        ObjectiveError: if a latent cannot be moved; it is named.
    """
    check_annealing(
        num_chains, num_temperatures, leapfrog_steps, noise_scale, schedule, seed, chunk_size
    )
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays
    head = tuple(array[:2] for array in arrays)
    annealer = explaining(
        lambda rows: backend.Annealer(
            pair, rows, leapfrog_steps=leapfrog_steps, noise_scale=noise_scale
        ),
        head,
    )
    if noise_scale is None:
        check_support(annealer.structure, arrays, "x")
    betas = temperatures(num_temperatures, schedule)
    parts = []
    for number, chunk in enumerate(chunks(arrays, chunk_size, num_chains)):
        seeds = Seeds(seed, number)
        sizes = step_sizes(annealer, chunk, betas, seeds)
        parts.append(forward(annealer, chunk, betas, sizes, seeds))
    method = describe(num_chains, num_temperatures, leapfrog_steps, noise_scale, schedule)
    return estimate(parts, len(arrays[0]), f"ais, {method}")


def check_annealing(
    num_chains: int,
    num_temperatures: int,
    leapfrog_steps: int,
    noise_scale: float | None,
    schedule: str,
    seed: int,
    chunk_size: int,
) -> None:
    """Check arguments by themselves.

    Raises:
        ArgumentError: naming the argument.
    """
    check_seed(seed)
    check_count("num_chains", num_chains)
    check_count("num_temperatures", num_temperatures)
    check_count("leapfrog_steps", leapfrog_steps)
    check_positive("noise_scale", noise_scale, optional=True)
    check_count("chunk_size", chunk_size)
    check_one_of("schedule", schedule, SCHEDULES)


def describe(
    num_chains: int,
    num_temperatures: int,
    leapfrog_steps: int,
    noise_scale: float | None,
    schedule: str,
) -> str:
    """What an estimate says of how it was found."""
    likelihood = "own likelihood" if noise_scale is None else f"noise scale {noise_scale:g}"
    return (
        f"C={num_chains}, T={num_temperatures} ({schedule}), {leapfrog_steps} leapfrog steps, "
        f"{likelihood}"
    )


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
    annealer: Any, chunk: Chunk, betas: NDArray[np.float64], seeds: Seeds
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
        state, chance = annealer.move(state, inner[position], size, seed)
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
    annealer: Any,
    chunk: Chunk,
    betas: NDArray[np.float64],
    sizes: NDArray[np.float64],
    seeds: Seeds,
) -> Part:
    """Chains from the prior to the posterior; their weights' mean is p(x)."""
    state = begin(annealer, chunk, seeds(2, 1)[0])
    return sweep(annealer, chunk, state, betas, sizes, seeds(3, len(betas)))


def begin(annealer: Any, chunk: Chunk, seed: Any) -> Any:
    """Chains at draws from the prior."""
    state = annealer.prior(chunk.rows, int(seed))
    check_start(np.asarray(state.log_prior), np.asarray(state.log_likelihood), chunk.size)
    return state


def sweep(
    annealer: Any,
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


def estimate(parts: Sequence[Part], count: int, method: str, sign: int = 1) -> AnnealedEstimate:
    """Chains of all chunks as an estimate.

    Args:
        parts: the chunks' chains.
        count: number of data.
        method: how they were found.
        sign: 1 for chains whose weights average to p(x), -1 for those whose inverse weights
            average to 1 / p(x).
    """
    chains = np.concatenate([part.log_weights for part in parts], axis=1)
    signed = sign * chains
    top = np.logaddexp.reduce(signed, axis=0)
    per_datum = sign * (top - math.log(len(chains)))
    shares = np.exp(signed - top)
    effective = 1.0 / (shares**2).sum(0)
    # Delta method: the variance of the log of a mean of C weights.
    many = len(chains)
    variance = (many / effective - 1) / (many - 1) if many > 1 else np.full(count, math.nan)
    return AnnealedEstimate(
        mean=float(per_datum.mean()),
        standard_error=over_data(per_datum),
        per_datum=per_datum,
        method=method,
        chains=chains,
        acceptance=float(np.mean([part.acceptance for part in parts])),
        effective_sample_size=effective,
        monte_carlo_error=float(np.sqrt(variance.sum()) / count),
    )
