"""Log-likelihood of held-out data, in nats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_seed
from inference.data.rows import Arrays, cut, slices
from inference.data.support import check_support
from inference.errors import ArgumentError, PairError
from inference.likelihood.spread import over_data, said_of
from inference.likelihood.unnormalised import log_likelihoods
from inference.pairs import draws_nothing, explaining, fitted_on
from inference.program.per_datum import check_rows, is_one_datum
from inference.program.structure import Structure

_FEW = 2  # rows on which a pair is looked at


@dataclass(frozen=True)
class Estimate:
    """A log-likelihood in nats.

    Attributes:
        mean: mean over the data.
        standard_error: standard deviation over the data, divided by the root of their number; it
            says how much another test set would differ, not how loose the bound is. It is inf where
            a value is -inf, and NaN of a single datum.
        per_datum: one value per datum, shape (N,). It is -inf where the model, or none of the
            guide's draws, gives a row any density; then the mean is too, and `str` names the rows.
        method: how it was found, with its number of particles.
    """

    mean: float
    standard_error: float
    per_datum: NDArray[np.float64] = field(repr=False)
    method: str

    def __str__(self) -> str:
        said = said_of(self.per_datum)
        method = f"{self.method}; {said}" if said else self.method
        return f"{self.mean:.3f} ± {self.standard_error:.3f} nats ({method})"


def log_likelihood(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    num_particles: int = 1000,
    *,
    method: Literal["iw", "exact", "ais", "raise"] = "iw",
    num_chains: int = 100,
    num_temperatures: int = 10_000,
    base: str | ArrayLike = "data",
    seed: int = 0,
    chunk_size: int = 10_000,
    engine: str | None = None,
) -> Estimate:
    """Log-likelihood of data under a fitted pair.

    `"iw"` is the importance-weighted estimate with K draws from the guide per datum,

        log p(x) ~ log 1/K sum_k p(x, z_k) / q(z_k | x),

    which is below log p(x) in expectation and rises with K (Burda et al. 2016, arXiv:1509.00519).
    `"exact"` asks the pair's own `log_evidence(x)`, where it has a closed form. A model without
    latents needs neither: its likelihood is what it scores, and `Estimate.method` is `"exact"`.
    Densities that are known up to a constant Z are scored by log f(x) - log Z (with latents, by the
    importance-weighted log f(x)), where Z is summed (`"exact"`) or annealed (`"ais"`: see
    `log_partition`; the likelihood errs upwards), or by `"raise"`, which leads chains from each
    datum down to the base and is below log p(x) in expectation but for the distance of annealed
    draws from the model's (Burda et al. 2015, arXiv:1412.8566). The truth is between them, and
    their gap says how far these chains can be trusted.
    A program whose sites lie in a plate of one says that all rows are one datum, such as a series;
    the estimate is then of that one, and its method says so.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        num_particles: K; not used by `"exact"`.
        method: `"iw"`, `"exact"`, `"ais"` or `"raise"`.
        num_chains: of the last two, of `"raise"` for each datum.
        num_temperatures: of the last two.
        base: where chains begin or end: see `log_partition`.
        seed: seed of the draws.
        chunk_size: largest number of particles times data to be decoded at once. It bounds the
            memory, whatever K is. A program that is made for all rows is given all of them.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Mean, standard error and values per datum.

    Raises:
        ArgumentError: if an argument is out of range, or the pair has no closed form.
        DataError: if the pair cannot score the data.
        ObjectiveError: if the pair has no weights per datum, naming the latent or the plate.
    """
    check_seed(seed)
    check_count("num_particles", num_particles)
    check_count("chunk_size", chunk_size)
    check_one_of("method", method, ("iw", "exact", "ais", "raise"))
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays
    structure, head = _seen(backend, pair, arrays)
    unknown = any(site.kernel and not site.normalised for site in structure.model.values())
    if method in ("ais", "raise") or (method == "exact" and unknown):
        found, label = log_likelihoods(
            given,
            method,
            num_particles=num_particles,
            num_chains=num_chains,
            num_temperatures=num_temperatures,
            base=base,
            seed=seed,
            chunk_size=chunk_size,
        )
        return Estimate(float(found.mean()), over_data(found), found, label)
    scores = draws_nothing(structure)
    closed = method == "exact" and hasattr(pair, "log_evidence")
    if method == "exact" and not (closed or scores):
        raise ArgumentError(
            "method='exact' needs a pair with log_evidence(x), which this one does not have; use "
            "method='iw'."
        )
    if scores:
        num_particles = 1
    if closed:
        check_support(structure, arrays, "x")
        values, whole = [backend.log_evidence(pair, *b) for b in cut(arrays, chunk_size)], False
    else:
        values, whole = _weighed(
            Seen(backend, pair, arrays, head, structure), num_particles, chunk_size, int(seed)
        )
    per_datum = np.concatenate(values).astype(np.float64)
    label = "exact" if closed or scores else f"iw, K={num_particles}"
    label += ", all rows as one datum" if whole else ""
    return Estimate(float(per_datum.mean()), over_data(per_datum), per_datum, label)


@dataclass(frozen=True)
class Seen:
    """A pair and its data, and what was seen on the first rows of these."""

    backend: Any
    pair: Any
    arrays: Arrays
    head: Arrays
    structure: Structure


def _weighed(
    seen: Seen, num_particles: int, chunk_size: int, seed: int
) -> tuple[list[NDArray[Any]], bool]:
    """Importance-weighted values of all data, and whether all rows are one datum."""
    structure, head, arrays = seen.structure, seen.head, seen.arrays
    scored = check_scored("log_likelihood", arrays)
    if not any(site.plates for site in structure.observed):  # a part may be no series of its own
        structure.check_observed()
        check_rows(structure, len(head[0]), "log_likelihood")
    scored(structure)
    whole = is_one_datum(structure, len(head[0]))
    if whole:
        head = arrays
    else:
        check_rows(structure, len(head[0]), "log_likelihood")
    weights = explaining(lambda rows: seen.backend.log_weights(seen.pair, scored, rows, seed), head)
    at_once = max(1, chunk_size // num_particles)
    if whole or len(head[0]) > _FEW:  # the program takes all rows or none
        at_once = len(head[0])
    values = [
        importance_weighted(weights, batch, num_particles, chunk_size, number)
        for number, batch in enumerate(cut(arrays, at_once))
    ]
    return values, whole


def _seen(backend: Any, pair: Any, arrays: Arrays) -> tuple[Structure, Arrays]:
    """Sites and plates, and the rows on which they were found.

    Two rows do, unless the program is made for so many rows as there are, with a parameter for each
    of them, for example; then it is all rows.
    """

    def structure(rows: Arrays) -> Structure:
        return backend.structure(pair, rows)

    few = tuple(array[:_FEW] for array in arrays)
    try:
        return explaining(structure, few), few
    except PairError as error:
        try:
            return structure(arrays), arrays
        except Exception:
            raise error from error.__cause__


def check_scored(what: str, arrays: Arrays) -> Callable[[Structure], None]:
    """Refuses a structure without weights per datum, and data outside of its supports.

    Args:
        what: wants the weights; named in errors.
        arrays: all of the data.
    """

    def check(structure: Structure) -> None:
        structure.check_match()
        structure.check_observed()
        structure.check_likelihood(what)
        check_support(structure, arrays, "x")

    return check


def importance_weighted(
    weights: Any,
    batch: Arrays,
    num_particles: int,
    chunk_size: int,
    number: int,
    held: Mapping[str, NDArray[Any]] | None = None,
) -> NDArray[np.float64]:
    """log of the mean weight, (N,), over as many sets of particles as the memory asks for.

    Args:
        weights: an engine's `log_weights`.
        batch: some rows of the data.
        num_particles: K.
        chunk_size: largest number of particles times data at once.
        number: the chunk's; chunks have draws of their own.
        held: latents at given values; the weights are then those of p(x, held).
    """
    largest = max(1, chunk_size // len(batch[0]))
    total: Any = -np.inf
    for draw, some in enumerate(slices(num_particles, largest)):
        part = weights(batch, some.stop - some.start, (number, draw), held)
        total = np.logaddexp(total, part)
    return total - math.log(num_particles)
