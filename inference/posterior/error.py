"""How far a guide's posterior is from the one that other draws came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed
from inference.data.arrays import as_arrays
from inference.data.support import check_support
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError
from inference.pairs import explaining, fitted_on
from inference.posterior.chains import Posterior
from inference.posterior.diagnostics import effective_sample_size, monte_carlo_error
from inference.program.posterior_scores import check_whole
from inference.program.structure import Structure

if TYPE_CHECKING:
    import pandas as pd

_LEAST_DRAWS = 4  # of a chain, for a Monte Carlo error


@dataclass(frozen=True)
class PosteriorError:
    """Differences of two sets of posterior draws.

    Attributes:
        table: one row per entry of each site, indexed by site and entry; see `posterior_error`.
        wasserstein: the mean of that column, over all entries of all sites.
        noise: the mean of `wasserstein_noise`: what `wasserstein` would be for an exact guide.
        counts: draws of the guide, and of the reference.
    """

    table: pd.DataFrame = field(repr=False)
    wasserstein: float
    noise: float
    counts: tuple[int, int]

    @property
    def sites(self) -> pd.DataFrame:
        """One row per site: root mean squares over its entries, and the mean distance."""
        by_site: Any = self.table.groupby(level="site", sort=False)
        columns = {
            name: by_site[name].apply(lambda values: float(np.sqrt((values**2).mean())))
            for name in ("mean_error", "mean_noise", "log_sd_ratio", "log_sd_noise")
        }
        mean = by_site[["wasserstein", "wasserstein_noise"]].mean()
        from inference.tables import PrintedTable

        return PrintedTable(mean.assign(**columns)[list(self.table.columns)])

    def __str__(self) -> str:
        return (
            f"Wasserstein distance {self.wasserstein:.3g} standard deviations per entry "
            f"(an exact guide: {self.noise:.2g}; {self.counts[0]:,} draws against "
            f"{self.counts[1]:,})"
        )


def posterior_error(
    pair: Any,
    reference: Posterior | Mapping[str, ArrayLike],
    x: ArrayLike | tuple[ArrayLike, ...] | None = None,
    *,
    num_draws: int = 2000,
    seed: int = 0,
    engine: str | None = None,
) -> PosteriorError:
    """How far a guide's posterior is from a reference's, entry by entry of each latent.

    With mean m and standard deviation s of the guide's draws, and those of the reference, m' and
    s', the columns of the table are

        mean_error         (m - m') / s'
        log_sd_ratio       log(s / s'): below zero where the guide is too narrow
        wasserstein        int |F(v) - F'(v)| dv / s', the 1-Wasserstein distance of the marginals
                           (scipy.stats.wasserstein_distance)

    each with what sampling alone would make of it: `mean_noise` and `log_sd_noise` are standard
    errors, ArviZ's for the reference's draws, and

        wasserstein_noise  sqrt(2 / pi (1 / S + 1 / S')) int sqrt(F'(v) (1 - F'(v))) dv / s'

    is the expected distance of two sets of draws from the reference, S of the guide's and S'
    effective ones of the reference's (del Barrio, Gine & Matran 1999, Annals of Probability 27).

    Marginals are compared: two posteriors that differ in correlations alone are not told apart. A
    guide without correlations is, where it was fitted by the ELBO, since that makes it too narrow.
    Entries in which the reference is constant, as half of a triangular matrix, are left out.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions, of either engine.
        reference: what `NUTS.sample` returns, or independent draws by site, (S', *batch, *event).
            Sites of the pair that it lacks are left out.
        x: data, shape (N, D); a tuple where the pair takes more than one array. The reference's
            own, if it is a `Posterior`.
        num_draws: S.
        seed: seed of the guide's draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Raises:
        ArgumentError: if an argument is out of range, or x is missing.
        DataError: if the pair cannot score the data, or the reference's draws have other sites or
            shapes, or are not finite.
        PairError: if model and guide do not match.
    """
    check_seed(seed)
    num_draws = check_count("num_draws", num_draws)
    if num_draws < _LEAST_DRAWS:
        raise ArgumentError(f"num_draws must be at least {_LEAST_DRAWS}, got {shown(num_draws)}.")
    chains = _chains(reference)
    if x is None:
        if not isinstance(reference, Posterior):
            raise ArgumentError("x is needed: draws by site do not say what data they are given.")
        x = reference.data
    given = fitted_on(pair, x, engine=engine)
    backend, pair, arrays = given.backend, given.pair, given.arrays

    def check(structure: Structure) -> None:
        structure.check_match()
        check_whole(structure, "posterior_error")
        check_support(structure, arrays, "x")
        _check_sites(structure, chains)

    drawn = explaining(
        lambda rows: backend.guide_draws(pair, check, rows, num_draws, int(seed)), arrays
    )
    common = [name for name in drawn.latents if name in chains]
    table: Any = _compared(
        {name: np.asarray(drawn.latents[name], np.float64) for name in common},
        {name: chains[name] for name in common},
    )
    first = chains[common[0]]
    return PosteriorError(
        table=table,
        wasserstein=float(table["wasserstein"].mean()),
        noise=float(table["wasserstein_noise"].mean()),
        counts=(int(num_draws), first.shape[0] * first.shape[1]),
    )


def _chains(reference: Any) -> dict[str, NDArray[np.float64]]:
    """The reference's draws as (C, S', *shape); independent ones are one chain.

    Raises:
        ArgumentError: if it is no such thing.
        DataError: naming a site whose draws are too few or not finite.
    """
    if isinstance(reference, Posterior):
        return {name: np.asarray(value, np.float64) for name, value in reference.draws.items()}
    if not isinstance(reference, Mapping) or not reference:
        raise ArgumentError(
            "reference must be what NUTS().sample returns, or a mapping from site to draws of "
            f"shape (S, *batch, *event); got {type(reference).__name__}."
        )
    chains = {}
    for name, value in reference.items():
        (array,) = as_arrays(value)
        if array.ndim == 0 or len(array) < _LEAST_DRAWS or not np.isfinite(array).all():
            raise DataError(
                f"reference has draws of {name!r} of shape {array.shape}; it needs "
                f"{_LEAST_DRAWS} draws or more, all of them finite."
            )
        chains[name] = np.asarray(array, np.float64)[None]
    return chains


def _check_sites(structure: Structure, chains: Mapping[str, NDArray[Any]]) -> None:
    """Check that there are latents to compare, with the same shapes.

    Raises:
        DataError: naming the site.
    """
    latents = {site.name: site for site in structure.latents}
    if not set(latents) & set(chains):
        raise DataError(
            f"reference has draws of {', '.join(map(repr, chains))}, but the pair's latents are "
            f"{', '.join(map(repr, latents)) or 'none'}; name them alike."
        )
    for name, value in chains.items():
        if name not in latents:
            continue
        site = latents[name]
        if site.family == "categorical":
            raise DataError(
                f"latent {name!r} is a category, whose numbers are no quantity; leave it out of "
                "reference."
            )
        if value.shape[2:] != site.batch_shape + site.event_shape:
            raise DataError(
                f"reference has draws of {name!r} of shape {value.shape[2:]}, but the pair's are "
                f"of shape {site.batch_shape + site.event_shape}; pass (S, *batch, *event), the "
                "chains laid end to end, for the same data."
            )


def _compared(
    ours: Mapping[str, NDArray[np.float64]], theirs: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """The table, of independent draws (S, *shape) and of chains (C, S', *shape) by site."""
    import pandas as pd
    from scipy.stats import wasserstein_distance

    from inference.tables import PrintedTable

    mean_noise, sd_noise = (monte_carlo_error(theirs, of) for of in ("mean", "sd"))
    effective = effective_sample_size(theirs)
    parts: list[Any] = []
    for name, chains in theirs.items():
        shape = chains.shape[2:]
        other, own = chains.reshape(-1, math.prod(shape)), ours[name].reshape(len(ours[name]), -1)
        scale, spread = _deviation(other), _deviation(own)
        fourth = ((own - own.mean(0)) ** 4).mean(0)
        counts = 1 / len(own) + 1 / effective[name].ravel()
        with np.errstate(divide="ignore", invalid="ignore"):  # a guide, or an entry, of one point
            relative = np.sqrt((fourth / spread**4 - 1) / (4 * len(own)))
            columns = {
                "mean_error": (own.mean(0) - other.mean(0)) / scale,
                "mean_noise": np.hypot(spread / math.sqrt(len(own)), mean_noise[name].ravel())
                / scale,
                "log_sd_ratio": np.log(spread / scale),
                "log_sd_noise": np.hypot(
                    np.where(spread > 0, relative, 0.0), sd_noise[name].ravel() / scale
                ),
                "wasserstein": [
                    wasserstein_distance(*each) for each in zip(own.T, other.T, strict=True)
                ]
                / scale,
                "wasserstein_noise": np.sqrt(2 / np.pi * counts) * _bridge(other) / scale,
            }
        entries = pd.MultiIndex.from_tuples(
            [(name, entry) for entry in np.ndindex(shape)], names=["site", "entry"]
        )
        parts.append(pd.DataFrame(columns, index=entries)[scale > 0])
    if not sum(map(len, parts)):
        raise DataError("reference's draws are all the same; pass draws from a distribution.")
    return PrintedTable(pd.concat(parts))


def _deviation(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of each column, and exactly zero where there is one value."""
    return np.where(np.ptp(draws, 0) > 0, draws.std(0, ddof=1), 0.0)


def _bridge(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """int sqrt(F(v) (1 - F(v))) dv of the empirical distribution function F of each column."""
    values = np.sort(draws, 0)
    below = np.arange(1, len(values)) / len(values)
    return (np.sqrt(below * (1 - below))[:, None] * np.diff(values, axis=0)).sum(0)
