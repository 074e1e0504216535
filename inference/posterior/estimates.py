"""Estimates of which the error over draws is known, datum by datum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.likelihood.importance_sampling import Estimate
from inference.likelihood.spread import over_data, said_of


@dataclass(frozen=True)
class SampledEstimate(Estimate):
    """A quantity in nats per datum, averaged over draws.

    Attributes:
        monte_carlo_error: standard error of `mean` over other draws for the same data;
            `standard_error` is over other data.
        per_datum_error: standard error of each datum's value over other draws, (N,).
    """

    per_datum_error: NDArray[np.float64] = field(repr=False)

    def __str__(self) -> str:
        said = said_of(self.per_datum)
        method = f"{self.method}; {said}" if said else self.method
        return (
            f"{self.mean:.3f} ± {self.standard_error:.3f} nats, of which draws "
            f"{self.monte_carlo_error:.3f} ({method})"
        )


def from_data(
    per_datum: NDArray[np.float64], error: NDArray[np.float64], method: str
) -> SampledEstimate:
    """A value for each datum, and its standard error, (N,) each."""
    return SampledEstimate(
        mean=float(per_datum.mean()),
        standard_error=over_data(per_datum),
        per_datum=per_datum,
        method=method,
        monte_carlo_error=float(np.sqrt((error**2).sum()) / len(per_datum)),
        per_datum_error=error,
    )
