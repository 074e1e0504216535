"""The constant of a density that is known up to it, and what that makes of the likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_seed
from inference.data.arrays import as_array
from inference.errors import ArgumentError, ObjectiveError
from inference.pairs import fitted, tempering
from inference.program.energy_conditions import check_ends
from inference.program.instruments import Tempering

METHODS = ("exact", "ais", "reverse")
_MOST_BITS = 20
_STATES_AT_ONCE = 2**16
_SPREAD = 3  # standard errors of the mean weight, to either side


@dataclass(frozen=True)
class PartitionEstimate:
    """The log of a constant, in nats.

    Attributes:
        log_z: the estimate.
        lower: log of the mean weight less three of its standard errors; -inf where that is
            negative, NaN of one chain alone.
        upper: the same to the other side.
        effective_sample_size: (sum w)^2 / sum w^2 over the chains.
        chains: log weights, shape (C,), of which the mean weight is Z; empty where it is exact.
        method: how it was found.
    """

    log_z: float
    lower: float
    upper: float
    effective_sample_size: float
    chains: NDArray[np.float64] = field(repr=False)
    method: str

    def __str__(self) -> str:
        span = f" [{self.lower:.3f}, {self.upper:.3f}]" if len(self.chains) else ""
        return f"log Z = {self.log_z:.3f}{span} nats ({self.method})"


def log_partition(
    pair: Any,
    method: Literal["exact", "ais", "reverse"] = "ais",
    *,
    base: str | ArrayLike = "data",
    num_chains: int = 100,
    num_temperatures: int = 10_000,
    seed: int = 0,
    engine: str | None = None,
) -> PartitionEstimate:
    """The log of the constant that makes a pair's density integrate to one.

    `"exact"` sums over all states, which takes at most 20 units on one side, or data of at most 20
    entries of 0 and 1. `"ais"` leads C chains
    from a base g whose constant is known to f, through T laws f_t in between (Neal 2001,
    arXiv:physics/9803008; Salakhutdinov & Murray 2008):

        w = prod_t f_t(v_{t-1}) / f_{t-1}(v_{t-1}),    v_t from v_{t-1} by a step that leaves f_t
        log Z ~ log Z_0 + log 1/C sum_c w_c

    E w = Z / Z_0, so that log Z is below the truth in expectation, and a likelihood made of it
    above. `"reverse"` leads chains that begin at draws of the model itself down to the base, where
    E 1/w = Z_0 / Z: that log Z is above the truth in expectation if these are draws of the model,
    and they are only as good as its own chains. So the two lie to either side of it.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        method: how.
        base: where chains begin: `"data"` at independent units with the mean of the training data,
            if the pair was told it (else with its own visible biases), `"uniform"`, or an array of
            means, (D,).
        num_chains: C.
        num_temperatures: T.
        seed: seed of the chains.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        log Z with an interval, the effective sample size, and the chains' weights.

    Raises:
        ArgumentError: if an argument is out of range, or the constant cannot be summed.
        ObjectiveError: if the model has no density that is known up to a constant.
    """
    check_one_of("method", method, METHODS)
    num_chains, num_temperatures = check_annealed(base, num_chains, num_temperatures, seed)
    return of_chains(
        tempering(fitted(pair, engine=engine)), method, base, num_chains, num_temperatures, seed
    )


def check_annealed(base: Any, num_chains: int, num_temperatures: int, seed: int) -> tuple[int, int]:
    """Check arguments by themselves, and return the two counts as whole numbers of Python's.

    Raises:
        ArgumentError: naming the argument.
    """
    if isinstance(base, str):
        check_one_of("base", base, ("data", "uniform"))
    elif as_array(base).ndim != 1:
        raise ArgumentError(
            "base must be 'data', 'uniform' or means of shape (D,), got an array of shape "
            f"{np.shape(base)}."
        )
    check_seed(seed)
    return (
        check_count("num_chains", num_chains),
        check_count("num_temperatures", num_temperatures),
    )


def check_no_base(base: Any) -> None:
    """Refuse means of chains' start where the density is normalised, and no chain is run.

    Raises:
        ArgumentError: if some were given.
    """
    if not isinstance(base, str):
        raise ArgumentError(
            "base= is for densities up to a constant, whose chains begin there, and this pair's "
            "density is normalised; leave it out."
        )


def exact_constant(tempered: Tempering) -> float:
    """The exact log Z.

    Raises:
        ArgumentError: if it cannot be summed.
    """
    try:
        return tempered.log_partition()
    except ValueError as error:
        if tempered.bits is None or math.prod(tempered.bits) > _MOST_BITS:
            raise ArgumentError(f"method='exact': {error}") from None
    return _summed(tempered, tempered.bits)


def _summed(tempered: Tempering, shape: tuple[int, ...]) -> float:
    """log sum_v f(v) over all 2^D states v of D bits."""
    bits = math.prod(shape)
    parts = []
    for first in range(0, 2**bits, _STATES_AT_ONCE):
        number = np.arange(first, min(first + _STATES_AT_ONCE, 2**bits))
        states = (number[:, None] >> np.arange(bits)) & 1
        rows = states.reshape(len(number), *shape).astype(np.float32)
        parts.append(np.logaddexp.reduce(tempered.log_density(rows)))
    return float(np.logaddexp.reduce(parts))


def base_constant(tempered: Tempering, base: Any) -> float:
    """The log of the constant of the law at which chains begin.

    Raises:
        ArgumentError: if the density has no such base.
        ObjectiveError: if it has no base.
    """
    try:
        return tempered.base_log_partition(base)
    except ObjectiveError:
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None


def of_chains(
    tempered: Tempering, method: str, base: Any, num_chains: int, num_temperatures: int, seed: int
) -> PartitionEstimate:
    """`log_partition` of an engine's `Tempering`."""
    if method == "exact":
        log_z = exact_constant(tempered)
        return PartitionEstimate(log_z, log_z, log_z, math.inf, np.zeros(0), "exact")
    start = base_constant(tempered, base)
    betas = np.linspace(0.0, 1.0, num_temperatures + 1)
    if method == "ais":
        begun = tempered.begin(base, num_chains, seed)
        check_ends(tempered, base, begun)
        chains, sign = tempered.anneal(begun, base, betas, seed + 1), 1
    else:
        begun = tempered.draw(num_chains, seed)
        check_ends(tempered, base, begun)
        chains, sign = tempered.anneal(begun, base, betas[::-1].copy(), seed + 1), -1
    log_z, spread, effective = averaged(chains)
    ends = [log_z + _log(1 - spread), log_z + _log(1 + spread)]
    low, high = sorted(start + sign * end for end in ends)
    label = f"{method}, C={num_chains}, T={num_temperatures}"
    return PartitionEstimate(
        start + sign * log_z, low, high, effective, start + sign * chains, label
    )


def averaged(chains: NDArray[np.float64]) -> tuple[float, float, float]:
    """log of the mean weight, three standard errors relative to it, effective sample size."""
    log_mean = float(np.logaddexp.reduce(chains) - math.log(len(chains)))
    weights = np.exp(chains - log_mean)
    error = weights.std(ddof=1) / math.sqrt(len(chains)) if len(chains) > 1 else math.nan
    return log_mean, _SPREAD * float(error), float(weights.sum() ** 2 / (weights**2).sum())


def _log(value: float) -> float:
    return math.log(value) if value > 0 or math.isnan(value) else -math.inf
