"""Log-likelihood of held-out data, in nats."""

from __future__ import annotations

import contextlib
import functools
import html
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_positive
from inference.data.rows import FEW, Arrays, cut, first_rows
from inference.data.support import check_support
from inference.errors import ArgumentError, PairError, ZooError
from inference.likelihood.conditions import check_scored
from inference.likelihood.coupling import check_rows_apart
from inference.likelihood.importance_weights import LogSums, weigh
from inference.likelihood.left_out import left_to_sums, summed_log_weights
from inference.likelihood.partition import check_annealed, check_no_base
from inference.likelihood.spread import over_data, said_of
from inference.likelihood.unnormalised import Annealed, is_unnormalised, log_likelihoods
from inference.pairs import draws_nothing, explaining, fitted_on
from inference.program.engine import Engine
from inference.program.per_datum import check_rows, is_one_datum
from inference.program.structure import Structure

_ROUND = 50  # draws per datum before `until` is asked for the first time


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
        monte_carlo_error: standard error of `mean` over other draws for the same data, from the
            spread of the weights; 0 for an exact value, NaN where it is not known.
        monte_carlo_bias: how far `mean` is below that of log p(x) for want of draws, likewise: a
            negative number. Both are too small where hardly any draw comes near the posterior
            (`inference.psis_k_hat` tells where).
    """

    mean: float
    standard_error: float
    per_datum: NDArray[np.float64] = field(repr=False)
    method: str
    monte_carlo_error: float = field(default=math.nan, kw_only=True)
    monte_carlo_bias: float = field(default=math.nan, kw_only=True)

    def bits_per_dimension(self, dimensions: int) -> float:
        """Minus the mean in bits for each dimension of a datum: -mean / (dimensions log 2).

        Args:
            dimensions: how many values a datum has, such as pixels.

        Raises:
            ArgumentError: if they are fewer than one.
        """
        return -self.mean / (check_count("dimensions", dimensions) * math.log(2))

    def __str__(self) -> str:
        said = said_of(self.per_datum)
        method = f"{self.method}; {said}" if said else self.method
        return f"{self.mean:.3f} ± {self.standard_error:.3f} nats ({method})"

    def _repr_html_(self) -> str:
        return f"<p><b>log p(x)</b> {html.escape(str(self))}, {len(self.per_datum):,} data</p>"


def log_likelihood(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    num_particles: int = 1000,
    *,
    method: Literal["iw", "exact", "ais", "raise"] = "iw",
    until: float | None = None,
    num_chains: int = 100,
    num_temperatures: int = 10_000,
    base: str | ArrayLike = "data",
    seed: int = 0,
    chunk_size: int = 2_500,
    engine: str | None = None,
) -> Estimate:
    """Log-likelihood of data under a fitted pair.

    `"iw"` is the importance-weighted estimate with K draws from the guide per datum,

        log p(x) ~ log 1/K sum_k p(x, z_k) / q(z_k | x),

    which is below log p(x) in expectation and rises with K (Burda et al. 2016, arXiv:1509.00519).
    With `until`, K doubles from 50 on, the same for all data, until the mean is known so well;
    `Estimate.method` says which K it was, and whether it was enough.
    `"exact"` asks the pair's own `log_evidence(x)`, where it has a closed form. A model without
    latents needs neither: its likelihood is what it scores, and `Estimate.method` is `"exact"`.
    Discrete latents of few joint states that the guide leaves out, as `Enumerated` lets it, are
    summed over in p(x, z_k); where the guide draws nothing at all, that sum is `"exact"`.
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
        num_particles: K, or with `until` the largest K; not used by `"exact"`.
        method: `"iw"`, `"exact"`, `"ais"` or `"raise"`.
        until: stop when the Monte Carlo error of the mean, in nats, is at most this: its standard
            error over draws and its bias together, the root of the sum of their squares. (The
            standard error over the data is another matter: no number of draws makes it smaller.)
        num_chains: of `"ais"`, and of `"raise"` for each datum.
        num_temperatures: of these two.
        base: where their chains begin or end: see `log_partition`.
        seed: seed of the draws.
        chunk_size: largest number of particles times data to be decoded at once. It bounds the
            memory, whatever K is; many more do not fit a processor's cache. A program that is made
            for all rows is given all of them.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Mean, standard error and values per datum.

    Raises:
        ArgumentError: if an argument is out of range, or the pair has no closed form.
        DataError: if the pair cannot score the data.
        ObjectiveError: if the pair has no weights per datum, naming the latent or the plate.
    """
    num_particles = check_count("num_particles", num_particles)
    chunk_size = check_count("chunk_size", chunk_size)
    check_one_of("method", method, ("iw", "exact", "ais", "raise"))
    until = check_positive("until", until, optional=True)
    num_chains, num_temperatures = check_annealed(base, num_chains, num_temperatures, seed)
    if until is not None and method != "iw":
        raise ArgumentError(
            "until= is for method='iw', of which it says how many draws are enough; leave it out."
        )
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays
    structure, head = seen_on(backend, pair, arrays)
    if is_unnormalised(structure, method):
        annealed = Annealed(num_chains, num_temperatures, base)
        return _estimate(*log_likelihoods(given, method, annealed, num_particles, seed, chunk_size))
    check_no_base(base)
    left, closed = left_to_sums(structure), method == "exact" and hasattr(pair, "log_evidence")
    scores = draws_nothing(structure) or (bool(left) and not structure.proposals)
    if method == "exact" and not (closed or scores):
        raise ArgumentError(
            "method='exact' needs a pair with log_evidence(x), which this one does not have; use "
            "method='iw'."
        )
    if closed:
        check_support(structure, arrays, "x")
        found = [backend.log_evidence(pair, *batch) for batch in cut(arrays, chunk_size)]
        return _estimate(np.concatenate(found).astype(np.float64), "exact", 0.0, 0.0)
    scored = check_scored("log_likelihood", arrays, num_particles, weighed=True, sums=True)
    _check_plates(structure, len(head[0]))
    scored(structure)
    whole = is_one_datum(structure, len(head[0]))
    head = arrays if whole else head
    if not whole:
        check_rows(structure, len(head[0]), "log_likelihood")
        check_rows_apart(backend, pair, head, structure, "log_likelihood")
    log_weights = functools.partial(summed_log_weights, backend) if left else backend.log_weights
    weights = explaining(lambda rows: log_weights(pair, scored, rows, int(seed)), head)
    least = len(head[0]) if whole or len(head[0]) > FEW else 0  # made for all rows or none
    most = 1 if scores else num_particles
    sums = _weighed(weights, arrays, most, chunk_size, until=until, together=least)
    label = "exact" if scores else f"iw, K={sums.count}"
    errors = (0.0, 0.0) if scores else sums.errors()
    if until is not None and math.hypot(*errors) > until:
        label += f", Monte Carlo error {math.hypot(*errors):.3g} above until={until:g}"
    label += ", all rows as one datum" if whole else ""
    return _estimate(sums.log_means(), label, *errors)


def _check_plates(structure: Structure, rows: int) -> None:
    """Refuse data in no plate before a part of them is looked at, which may be no series."""
    if not any(site.plates for site in structure.observed):
        structure.check_observed()
        check_rows(structure, rows, "log_likelihood")


def _estimate(per_datum: NDArray[np.float64], label: str, error: float, bias: float) -> Estimate:
    return Estimate(
        mean=float(per_datum.mean()),
        standard_error=over_data(per_datum),
        per_datum=per_datum,
        method=label,
        monte_carlo_error=error,
        monte_carlo_bias=bias,
    )


def _weighed(
    weights: Any,
    arrays: Arrays,
    num_particles: int,
    chunk_size: int,
    *,
    until: float | None,
    together: int,
) -> LogSums:
    """The weights of so many draws, or with `until` of as many as it takes.

    Args:
        weights: an engine's `log_weights`.
        arrays: the data.
        num_particles: K, or the largest K.
        chunk_size: largest number of particles times data at once.
        until: the Monte Carlo error at which to stop.
        together: how many rows the program takes at once, if it does not take any number.
    """
    first = num_particles if until is None else min(_ROUND, num_particles)
    rows = together or max(1, chunk_size // first)
    draws = None  # with `until` one size for all rounds, so that one compilation serves them
    if until is not None:
        draws = min(first, max(1, chunk_size // min(rows, len(arrays[0]))))
    sums, more = LogSums(), first
    while True:
        weigh(sums, weights, arrays, more, rows=rows, chunk_size=chunk_size, draws=draws)
        if until is None or sums.count >= num_particles or sums.is_near(until):
            return sums
        more = min(sums.count, num_particles - sums.count)


def seen_on(backend: Engine, pair: Any, arrays: Arrays) -> tuple[Structure, Arrays]:
    """Sites and plates, and the rows on which they were found.

    Two rows do, unless the program is made for so many rows as there are, with a parameter for each
    of them, for example; then it is all rows.
    """

    def structure(rows: Arrays) -> Structure:
        return backend.structure(pair, rows)

    few = first_rows(arrays)
    try:
        found = explaining(structure, few)
    except PairError as error:
        try:
            return structure(arrays), arrays
        except Exception:
            raise error from error.__cause__
    if len(few[0]) < len(arrays[0]) and not _has_weights(found, len(few[0])):
        with contextlib.suppress(Exception):  # an autoguide has the plates that it began with
            return structure(arrays), arrays
    return found, few


def _has_weights(structure: Structure, rows: int) -> bool:
    try:
        structure.check_match(summed=[site.name for site in left_to_sums(structure)])
        structure.check_likelihood("log_likelihood")
        if not is_one_datum(structure, rows):
            check_rows(structure, rows, "log_likelihood")
    except ZooError:
        return False
    return True
