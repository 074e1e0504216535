"""Annealed importance sampling: the log-likelihood of any decoder, with or without an encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_positive, check_seed
from inference.data.rows import chunks, first_rows
from inference.data.support import check_support
from inference.likelihood.annealing_chains import Part, Seeds, forward, step_sizes, temperatures
from inference.likelihood.coupling import check_rows_apart
from inference.likelihood.importance_sampling import Estimate
from inference.likelihood.spread import over_data
from inference.pairs import explaining, fitted_on

SCHEDULES = ("sigmoid", "linear")


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
    num_chains, num_temperatures, leapfrog_steps, chunk_size = check_annealing(
        num_chains, num_temperatures, leapfrog_steps, noise_scale, schedule, seed, chunk_size
    )
    noise_scale = None if noise_scale is None else float(noise_scale)
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays
    head = first_rows(arrays)
    annealer = explaining(
        lambda rows: backend.Annealer(
            pair, rows, leapfrog_steps=leapfrog_steps, noise_scale=noise_scale
        ),
        head,
    )
    if noise_scale is None:
        check_support(annealer.structure, arrays, "x")
        check_rows_apart(backend, pair, head, annealer.structure, "annealed importance sampling")
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
) -> tuple[int, int, int, int]:
    """Check arguments by themselves, and return the four counts as whole numbers of Python's.

    Raises:
        ArgumentError: naming the argument.
    """
    check_seed(seed)
    check_positive("noise_scale", noise_scale, optional=True)
    check_one_of("schedule", schedule, SCHEDULES)
    return (
        check_count("num_chains", num_chains),
        check_count("num_temperatures", num_temperatures),
        check_count("leapfrog_steps", leapfrog_steps),
        check_count("chunk_size", chunk_size),
    )


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
