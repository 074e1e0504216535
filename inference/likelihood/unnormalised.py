"""The likelihood of data under densities that are known up to a constant: exact, AIS, RAISE."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import cut, first_rows
from inference.data.support import check_support
from inference.errors import ArgumentError, ObjectiveError
from inference.likelihood.importance_weights import LogSums, weigh
from inference.likelihood.partition import base_constant, check_annealed, of_chains
from inference.pairs import Fitted, draws_nothing, explaining, fitted_on, tempering
from inference.program.energy_conditions import check_ends
from inference.program.instruments import Tempering
from inference.program.per_datum import check_rows
from inference.program.structure import Structure


@dataclass(frozen=True)
class Annealed:
    """How chains are annealed: the arguments of `log_likelihood`."""

    num_chains: int
    num_temperatures: int
    base: Any


def is_unnormalised(structure: Structure, method: str) -> bool:
    """Whether a method is for densities that are known up to a constant."""
    unknown = any(site.kernel and not site.normalised for site in structure.model.values())
    return method in ("ais", "raise") or (method == "exact" and unknown)


def up_to_a_constant(pair: Any, x: Any) -> bool:
    """Whether a pair has a density that is known up to a constant.

    Raises:
        DataError: if the pair cannot score the data.
    """
    given = fitted_on(pair, x)
    head = first_rows(given.arrays)
    return is_unnormalised(
        explaining(lambda b: given.backend.structure(given.pair, b), head), "exact"
    )


def log_likelihoods(
    given: Fitted,
    method: str,
    annealed: Annealed,
    num_particles: int,
    seed: int,
    chunk_size: int,
) -> tuple[NDArray[np.float64], str, float, float]:
    """log p(x) of each datum, (N,), how it was found, and what its mean is off by."""
    settings = annealed.base, annealed.num_chains, annealed.num_temperatures, int(seed)
    check_annealed(*settings)
    head = first_rows(given.arrays)
    structure = explaining(lambda rows: given.backend.structure(given.pair, rows), head)
    structure.check_match()
    structure.check_observed(likelihood=False)
    check_support(structure, given.arrays, "x")
    tempered = tempering(given)
    site = structure.model[tempered.name]
    if method == "raise":
        _check_alone(structure)
        rows = given.arrays[0]
        constant = tempered.log_partition() if site.normalised else 0.0
        found = _raised(tempered, rows, constant, settings, chunk_size)
        label = f"raise, C={annealed.num_chains}, T={annealed.num_temperatures}"
        return found, label, math.nan, math.nan
    estimate = of_chains(tempered, method, *settings)
    constant = estimate.log_z - (tempered.log_partition() if site.normalised else 0.0)
    count = 1 if draws_nothing(structure) else num_particles
    label = estimate.method if count == 1 else f"{estimate.method}, K={count}"
    found = _scored(given, structure, count, int(seed), chunk_size) - constant
    error = (estimate.upper - estimate.lower) / 6 if count == 1 else math.nan
    return found, label, error, 0.0 if method == "exact" and count == 1 else math.nan


def _scored(
    given: Fitted, structure: Structure, count: int, seed: int, chunk_size: int
) -> NDArray[np.float64]:
    """log f(x), of models with latents by importance sampling with K draws."""

    def check(seen: Structure) -> None:
        seen.check_match()
        seen.check_likelihood("log_likelihood")

    check_rows(structure, 2 if len(given.arrays[0]) > 1 else 1, "log_likelihood")
    head = first_rows(given.arrays)
    weights = given.backend.log_weights(given.pair, check, head, seed)
    sums, rows = LogSums(), max(1, chunk_size // count)
    weigh(sums, weights, given.arrays, count, rows=rows, chunk_size=chunk_size)
    return sums.log_means()


def _check_alone(structure: Structure) -> None:
    if not draws_nothing(structure):
        raise ObjectiveError(
            "method='raise' leads chains from the data themselves, but the model has the latent "
            f"{structure.latents[0].name!r}. Use method='ais', or 'exact' with few units."
        )


def _raised(
    tempered: Tempering,
    x: NDArray[Any],
    constant: float,
    settings: tuple[Any, int, int, int],
    chunk_size: int,
) -> NDArray[np.float64]:
    """Reverse annealed importance sampling from each datum down to the base."""
    base, chains, temperatures, seed = settings
    if chunk_size < chains:
        raise ArgumentError(f"chunk_size must be at least num_chains={chains}, got {chunk_size}.")
    start = base_constant(tempered, base)
    check_ends(tempered, base, x)
    betas = np.linspace(1.0, 0.0, temperatures + 1)
    values = []
    for number, (rows,) in enumerate(cut((x,), chunk_size // chains)):
        copies = np.repeat(rows[None], chains, 0).reshape(-1, *rows.shape[1:])
        moved = tempered.move(copies, 1, _seed(seed, number, 0))
        log_w = tempered.anneal(moved, base, betas, _seed(seed, number, 1))
        mean = np.logaddexp.reduce(log_w.reshape(chains, -1), axis=0) - math.log(chains)
        values.append(tempered.log_density(rows) + constant - start + mean)
    return np.concatenate(values)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)
