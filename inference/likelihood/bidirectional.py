"""Bidirectional Monte Carlo: how far annealed importance sampling is off, on simulated data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count
from inference.data.call import unpacked
from inference.data.pair_arrays import as_scored
from inference.data.rows import Chunk, chunks, first_rows
from inference.likelihood.annealing import (
    AnnealedEstimate,
    check_annealing,
    describe,
    estimate,
)
from inference.likelihood.annealing_chains import Seeds, forward, step_sizes, sweep, temperatures
from inference.likelihood.spread import over_data
from inference.pairs import as_given, explaining, fitted
from inference.program.annealing_conditions import check_start
from inference.program.instruments import Annealer


@dataclass(frozen=True)
class BidirectionalEstimate:
    """Bounds of log p(x) from both sides, on data that the model drew, in nats.

    Attributes:
        lower: annealed importance sampling, below log p(x) in expectation.
        upper: chains from the latents that made x back to the prior, above it in expectation. All
            chains of a datum begin at the same latents, which its `monte_carlo_error` leaves out.
        gap: mean over the data of upper minus lower.
        standard_error: of the gap, over other data and other draws.
        per_datum: upper minus lower, (N,).
        x: the simulated data.
        method: how it was found.
    """

    lower: AnnealedEstimate
    upper: AnnealedEstimate
    gap: float
    standard_error: float
    per_datum: NDArray[np.float64] = field(repr=False)
    x: NDArray[Any] = field(repr=False)
    method: str

    def __str__(self) -> str:
        return (
            f"{self.lower.mean:.3f} to {self.upper.mean:.3f} nats, gap {self.gap:.3f} ± "
            f"{self.standard_error:.3f} ({self.method})"
        )


def bidirectional(
    pair: Any,
    size: int,
    *given: ArrayLike,
    num_chains: int = 16,
    num_temperatures: int = 1000,
    leapfrog_steps: int = 10,
    noise_scale: float | None = None,
    schedule: Literal["sigmoid", "linear"] = "sigmoid",
    seed: int = 0,
    chunk_size: int = 2_000,
    engine: str | None = None,
) -> BidirectionalEstimate:
    """Bounds of log p(x) from both sides on simulated data (Grosse et al. 2015, arXiv:1511.02543).

    On real data, nothing says how far below log p(x) annealed importance sampling is. On data that
    the model itself drew,

        z ~ p(z),  x ~ p(x | z),

    z is an exact draw from the posterior p(z | x). Chains that begin there and make the moves of
    `annealed_importance_sampling` in reverse order end in the prior, and the same weights obey
    E[1 / w] = 1 / p(x), so that

        E[log 1/C sum_c w_c]  <=  log p(x)  <=  E[-log 1/C sum_c 1 / w_c]
              forward                                   reverse

    Both runs use the same step sizes, which a pilot run of other draws has fixed. How far AIS is
    off on real data is about the gap on simulated data, as long as the model is about right.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        size: number of data to draw.
        given: what the model takes besides x, `size` rows each.
        num_chains: C.
        num_temperatures: T.
        leapfrog_steps: steps of one move.
        noise_scale: when given, x is drawn from Normal(mean, noise_scale) and scored by it, where
            mean is what the model returns, in place of the pair's own likelihood.
        schedule: `"sigmoid"` or `"linear"`.
        seed: seed of the draws.
        chunk_size: largest number of chains times data to be moved at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Both bounds and their gap.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if what the model draws has no finite density.
        DivergenceError: if no chain can move, because no density is finite.
        ObjectiveError: if a latent cannot be moved; it is named.
    """
    num_chains, num_temperatures, leapfrog_steps, chunk_size = check_annealing(
        num_chains, num_temperatures, leapfrog_steps, noise_scale, schedule, seed, chunk_size
    )
    noise_scale = None if noise_scale is None else float(noise_scale)
    size = check_count("size", size)
    understood = fitted(pair, engine=engine)
    backend, pair = understood.backend, understood.pair
    others = as_given(unpacked(given), "given") if given else ()
    (draws,) = Seeds(seed, 0)(4, 1)
    x, latents = explaining(
        lambda rows: backend.simulate(pair, size, int(draws), noise_scale, *rows), others
    )
    arrays = as_scored(pair, (x, *others))
    annealer = explaining(
        lambda rows: backend.Annealer(
            pair, rows, leapfrog_steps=leapfrog_steps, noise_scale=noise_scale
        ),
        first_rows(arrays),
    )
    names = [site.name for site in annealer.structure.latents]
    betas = temperatures(num_temperatures, schedule)
    up, down = [], []
    values = chunks(tuple(latents[name] for name in names), chunk_size, num_chains)
    for number, (chunk, own) in enumerate(
        zip(chunks(arrays, chunk_size, num_chains), values, strict=True)
    ):
        seeds = Seeds(seed, number)
        sizes = step_sizes(annealer, chunk, betas, seeds)
        up.append(forward(annealer, chunk, betas, sizes, seeds))
        state = _at(annealer, chunk, dict(zip(names, own.rows, strict=True)))
        back = sweep(annealer, chunk, state, betas[::-1], sizes[::-1], seeds(5, len(betas)))
        down.append(back)
    method = describe(num_chains, num_temperatures, leapfrog_steps, noise_scale, schedule)
    lower = estimate(up, size, f"ais, {method}")
    upper = estimate(down, size, f"reverse ais, {method}", sign=-1)
    gaps = upper.per_datum - lower.per_datum
    return BidirectionalEstimate(
        lower=lower,
        upper=upper,
        gap=float(gaps.mean()),
        standard_error=over_data(gaps),
        per_datum=gaps,
        x=x,
        method=f"bdmc on simulated data, {method}",
    )


def _at(annealer: Annealer, chunk: Chunk, latents: dict[str, NDArray[Any]]) -> Any:
    """Chains at the latents that made the data."""
    state = annealer.at(chunk.rows, latents)
    check_start(np.asarray(state.log_prior), np.asarray(state.log_likelihood), chunk.size)
    return state
