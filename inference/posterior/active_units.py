"""What the guide's posterior says about the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_positive, check_seed
from inference.data.support import check_askable
from inference.errors import ArgumentError, ObjectiveError
from inference.pairs import explaining, fitted_on
from inference.posterior.latent_means import latent_means
from inference.program.structure import Structure


def active_units(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    threshold: float = 0.01,
    num_draws: int = 10,
    seed: int = 0,
    engine: str | None = None,
) -> dict[str, int]:
    """How many entries of each latent tell the data apart (Burda et al. 2016, arXiv:1509.00519).

    An entry u is active if Var_x(E_q[u | x]) exceeds the threshold. Below the first layer of a
    hierarchy the guide's mean depends on what it drew before, and a distribution without a known
    mean gives a draw, so that E_q[u | x] is estimated by the average over several runs of the
    guide. The noise that is left adds its variance between runs, divided by their number, to the
    variance over x; that much is subtracted, which makes the estimate unbiased. Latents that all
    data share tell no datum from another, and are left out.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D), of two rows or more; a tuple where the pair takes several arrays.
        threshold: the least variance of an active entry.
        num_draws: how many runs of the guide are averaged, two or more.
        seed: seed of the draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Site name to number of active entries.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot take the data.
        ObjectiveError: if a plate of the guide takes a part of the rows, or all data share every
            latent.
    """
    check_seed(seed)
    threshold = check_positive("threshold", threshold)
    num_draws = check_count("num_draws", num_draws)
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays
    check_askable(backend, pair, arrays, "x")
    if num_draws < 2 or len(arrays[0]) < 2:
        raise ArgumentError(
            f"a variance needs num_draws and rows of x of at least 2, got num_draws={num_draws} "
            f"and {len(arrays[0])} rows."
        )
    seeds = np.random.SeedSequence(seed).generate_state(num_draws)
    runs = [latent_means(backend, pair, arrays, int(each), "active_units", 1) for each in seeds]
    structure = explaining(lambda rows: backend.structure(pair, rows), arrays)
    shared = [name for name in runs[0] if name in structure.globals]
    if shared and len(shared) == len(runs[0]):
        raise ObjectiveError(
            f"active_units counts what tells one datum from another, and latent {shared[0]!r} is "
            "one that all data share, as are all of this pair. run.to_arviz(x) has draws of them."
        )
    counts = {}
    for name in (each for each in runs[0] if each not in shared):
        means = np.stack([run[name] for run in runs]).astype(np.float64)
        means = np.moveaxis(means, 1 + _data_axis(structure, name), 1)  # (draws, N, *others)
        noise = means.var(axis=0, ddof=1).mean(axis=0) / num_draws
        variance = means.mean(axis=0).var(axis=0, ddof=1) - noise
        counts[name] = int((variance > threshold).sum())
    return counts


def _data_axis(structure: Structure, name: str) -> int:
    """At which axis of a latent's values the rows of data are; the first where no plate says it."""
    site = structure.model.get(name) or structure.guide.get(name)
    observed = [each.plates for each in structure.observed]
    around = frozenset.intersection(*observed) if observed else frozenset()
    rows = [plate.dim for plate in around if plate.size == structure.rows]
    if site is None or len(rows) != 1 or not site.plates >= around:
        return 0
    return max(len(site.batch_shape) + rows[0], 0)
