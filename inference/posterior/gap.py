"""Why a bound is loose: the guide's family, or that one network serves all data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_positive
from inference.data.rows import Arrays, chunks, first_rows
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.likelihood.annealing import (
    AnnealedEstimate,
    annealed_importance_sampling,
)
from inference.likelihood.conditions import check_scored
from inference.likelihood.importance_sampling import Estimate, log_likelihood
from inference.likelihood.spread import over_draws
from inference.objectives import RLOO, STL
from inference.pairs import explaining
from inference.posterior.chunks import understood, whole
from inference.posterior.estimates import SampledEstimate, from_data
from inference.program.draws import Draws
from inference.program.engine import Engine
from inference.program.instruments import FreedGuide

REFERENCES = ("iw", "ais", "exact")


@dataclass(frozen=True)
class GapDecomposition:
    """The gap between log p(x) and the ELBO in two parts, in nats per datum.

    Attributes:
        log_likelihood: log p(x), by the reference.
        optimised: ELBO of the best distribution of the guide's family that was found, datum by
            datum.
        amortised: ELBO of the guide.
        approximation: log p(x) - optimised: what the family costs.
        amortisation: optimised - amortised: what it costs that a network chooses in it.
        total: log p(x) - amortised; the sum of the two.
    """

    log_likelihood: SampledEstimate
    optimised: SampledEstimate
    amortised: SampledEstimate
    approximation: SampledEstimate
    amortisation: SampledEstimate
    total: SampledEstimate

    def __str__(self) -> str:
        parts = (
            f"{name} {part.mean:.3f} ± {part.monte_carlo_error:.3f}"
            for name, part in (
                ("total gap", self.total),
                ("approximation", self.approximation),
                ("amortisation", self.amortisation),
            )
        )
        return f"{', '.join(parts)} nats per datum ({self.total.method})"


def gap_decomposition(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    steps: int = 500,
    learning_rate: float = 0.05,
    num_particles: int = 16,
    num_draws: int = 1000,
    reference: Literal["iw", "ais", "exact"] | Estimate = "iw",
    seed: int = 0,
    chunk_size: int = 10_000,
    engine: str | None = None,
) -> GapDecomposition:
    """Approximation and amortisation gap (Cremer, Li & Duvenaud 2018, arXiv:1801.03558).

        log p(x) - L[q(z | x)] = (log p(x) - L[q*]) + (L[q*] - L[q(z | x)]),
        q* = argmax over the guide's family of E_q[log p(x, z) - log q(z)], for each datum alone

    The model stays as it is. For every datum the parameters of the guide's distributions (location
    and scale, scale matrix, or logits), which the guide's network gave, are freed and trained by
    Adam, all data at once: with the gradient of `STL` where all draws are reparameterised, with
    that of `RLOO` otherwise. Both ELBOs are then means of log p(x, z) - log q(z) over new draws,
    with the same noise in both; at the posterior they have no variance.

    What was found is at most as good as the best, so that the approximation gap is from above
    and the amortisation gap from below; more `steps` tell whether it matters. A reference from
    below log p(x), as `"iw"` and `"ais"` are, makes the approximation gap smaller than it is; where
    `psis_k_hat` is above .7, take another than `"iw"`.

    Latents have to be independent given x: Normal, multivariate or low-rank multivariate Normal,
    Bernoulli, categorical or one-hot, at one or more sites.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        steps: optimiser steps.
        learning_rate: step size of Adam, which falls to zero along a cosine.
        num_particles: draws per datum in each step, at least 2.
        num_draws: draws per datum for both ELBOs, and for `"iw"`; at least 100.
        reference: log p(x): `"iw"` by importance sampling with the optimised distributions,
            `"ais"` by `annealed_importance_sampling`, `"exact"` from the pair's `log_evidence`, or
            an estimate made beforehand for these data.
        seed: seed of the draws.
        chunk_size: largest number of draws times data at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Both gaps and what they are differences of.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the data.
        DivergenceError: if a density is not a number.
        ObjectiveError: if a latent's distribution cannot be freed; it is named.
    """
    num_particles = check_count("num_particles", num_particles, least=2)
    num_draws = check_count("num_draws", num_draws, least=100)
    learning_rate = check_positive("learning_rate", learning_rate)
    steps, chunk_size = check_count("steps", steps), check_count("chunk_size", chunk_size)
    backend, pair, arrays = understood(pair, x, seed=seed, engine=engine)
    given = _reference(pair, arrays, reference, seed, chunk_size, engine)
    freed = _freed(backend, pair, arrays)
    structure = freed.structure
    pathwise = all(site.reparameterised and site.scorable for site in structure.proposals)
    objective = STL(num_particles) if pathwise else RLOO(num_particles)
    before, after = [], []
    done = 0
    for number, chunk in enumerate(chunks(arrays, max(1, chunk_size // num_particles))):
        seeds = _seeds(seed, number)
        start = freed.start(chunk.rows)
        best = freed.optimise(
            chunk.rows,
            start,
            objective,
            steps=int(steps),
            learning_rate=float(learning_rate),
            rng_seed=seeds(0),
        )
        for parameters, found in ((start, before), (best, after)):
            densities = _scored_at(freed, parameters, seeds)
            draws = whole(chunk, num_draws, chunk_size, densities, number, done)
            found.append(draws.likelihood_weight(structure.training_only))
        done += chunk.real
    each = np.concatenate(before, 1), np.concatenate(after, 1)  # (num_draws, N)
    label = f"{_label(reference, num_draws)}, {steps} steps, K={num_draws}"
    (amortised, own), (optimised, own_best) = map(_mean, each)
    gain, gain_error = _mean(each[1] - each[0])  # draws with the same noise, pair by pair
    if given is not None:
        log_p, error = given
        errors = [np.hypot(error, one) for one in (own_best, own)]
    else:
        log_p, shares = _importance_weighted(each[1])
        error = _mean(shares)[1]
        errors = [_mean(shares - one)[1] for one in (each[1], each[0])]
    return GapDecomposition(
        log_likelihood=from_data(log_p, error, label),
        optimised=from_data(optimised, own_best, label),
        amortised=from_data(amortised, own, label),
        approximation=from_data(log_p - optimised, errors[0], label),
        amortisation=from_data(gain, gain_error, label),
        total=from_data(log_p - amortised, errors[1], label),
    )


def _reference(
    pair: Any,
    arrays: tuple[NDArray[Any], ...],
    reference: Any,
    seed: int,
    chunk_size: int,
    engine: str | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """log p(x) and its standard error, (N,); None if it is to come from the optimised draws."""
    count = len(arrays[0])
    if isinstance(reference, Estimate):
        if reference.per_datum.shape != (count,):
            raise ArgumentError(
                f"reference must be an estimate for the {count} rows of x, but it is one for "
                f"{len(reference.per_datum)} rows."
            )
    elif not isinstance(reference, str) or reference not in REFERENCES:
        raise ArgumentError(
            f"reference must be 'iw', 'ais', 'exact' or an Estimate, got {shown(reference)}."
        )
    if reference == "iw":
        return None
    if reference == "ais":
        reference = annealed_importance_sampling(pair, arrays, seed=seed, engine=engine)
    elif reference == "exact":
        reference = log_likelihood(
            pair, arrays, method="exact", chunk_size=chunk_size, engine=engine
        )
    error = np.zeros(count)
    if isinstance(reference, SampledEstimate):
        error = reference.per_datum_error
    elif isinstance(reference, AnnealedEstimate):
        many = len(reference.chains)
        error = np.sqrt((many / reference.effective_sample_size - 1) / max(1, many - 1))
    return np.asarray(reference.per_datum, np.float64), error


def _label(reference: Any, num_draws: int) -> str:
    if isinstance(reference, Estimate):
        return f"reference {reference.method}"
    return f"reference iw, K={num_draws}" if reference == "iw" else f"reference {reference}"


def _freed(backend: Engine, pair: Any, arrays: Arrays) -> FreedGuide:
    """The engine's guide with parameters of its own for each datum."""
    check = check_scored("gap_decomposition", arrays, weighed=True)
    head = first_rows(arrays)
    return explaining(lambda rows: backend.FreedGuide(pair, check, rows), head)


def _seeds(seed: int, chunk: int) -> Callable[..., int]:
    """Seeds of the stages of one chunk."""
    return lambda *stage: int(
        np.random.SeedSequence((int(seed), chunk, *stage)).generate_state(1)[0]
    )


def _scored_at(freed: Any, parameters: Any, seeds: Callable[..., int]) -> Callable[..., Draws]:
    def densities(rows: Any, num_draws: int, place: tuple[int, int]) -> Draws:
        return freed.draw(rows, parameters, num_draws, seeds(1, place[1]))

    return densities


def _mean(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean over draws and its standard error, (N,) each."""
    return values.mean(0), over_draws(values)


def _importance_weighted(
    log_w: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log of the mean weight, (N,), and w_k over that mean: how each draw moves it."""
    log_p = np.logaddexp.reduce(log_w, axis=0) - math.log(len(log_w))
    return log_p, np.exp(log_w - log_p)
