"""What Markov chains are worth: R-hat, effective sample size, Monte Carlo error, through ArviZ."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.posterior.arviz_library import Draws, load_arviz


def r_hat(draws: Draws) -> dict[str, NDArray[np.float64]]:
    """Rank-normalised split R-hat of each entry, by site (Vehtari et al. 2021, arXiv:1903.08008).

    Args:
        draws: by site, (C, S, *shape).
    """
    return _each("rhat", draws)


def effective_sample_size(
    draws: Draws, method: Literal["bulk", "tail"] = "bulk"
) -> dict[str, NDArray[np.float64]]:
    """How many independent draws are worth as much, by site (Vehtari et al. 2021).

    Args:
        draws: by site, (C, S, *shape).
        method: `"bulk"`, for means; `"tail"`, for the 5 % and 95 % quantiles.
    """
    quantiles = {"prob": (0.05, 0.95)} if method == "tail" else {}  # else a release's own
    return _each("ess", draws, method=method, **quantiles)


def monte_carlo_error(draws: Draws, of: Literal["mean", "sd"]) -> dict[str, NDArray[np.float64]]:
    """Standard error of the mean or of the standard deviation of each entry, by site.

    Args:
        draws: by site, (C, S, *shape).
        of: which.
    """
    return _each("mcse", draws, method=of)


def _each(name: str, draws: Draws, **options: Any) -> dict[str, NDArray[np.float64]]:
    az = load_arviz()
    with np.errstate(divide="ignore", invalid="ignore"):  # an entry that is constant gives NaN
        found = getattr(az, name)(az.convert_to_dataset(dict(draws)), **options)
    return {str(site): np.asarray(found[site], np.float64) for site in found.data_vars}
