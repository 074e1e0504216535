"""Does what the pair would draw look like the data?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import called, check_count
from inference.data.arrays import as_array
from inference.data.rows import Arrays, slices
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError, ObjectiveError
from inference.likelihood.conditions import check_scored
from inference.pairs import explaining
from inference.posterior.chunks import passed, understood
from inference.program.posterior_scores import FOLLOWS, check_whole

Statistic = Callable[[NDArray[Any]], ArrayLike]


@dataclass(frozen=True)
class PredictiveCheck:
    """A statistic of the data beside that of replicated data.

    Attributes:
        observed: the statistic of the data, of any shape T.
        posterior: of data replicated at latents that the guide draws for these rows,
            (num_draws, *T).
        prior: of data replicated at latents from the prior, (num_draws, *T).
    """

    observed: NDArray[np.float64]
    posterior: NDArray[np.float64] = field(repr=False)
    prior: NDArray[np.float64] = field(repr=False)

    @property
    def posterior_p(self) -> NDArray[np.float64]:
        """Share of posterior replicates, the data included, that reach the data's statistic; T.

        Conservative: the latents have seen the data. So near 0 or 1 is a misfit, and elsewhere
        says little.
        """
        return _upper(self.posterior, self.observed)

    @property
    def prior_p(self) -> NDArray[np.float64]:
        """The same of prior replicates; a valid p-value if the parameters have not seen x."""
        return _upper(self.prior, self.observed)

    def __str__(self) -> str:
        if self.observed.ndim:
            low, high = self.posterior_p.min(), self.posterior_p.max()
            return (
                f"{self.observed.size} statistics, {len(self.prior)} replicates: posterior "
                f"predictive p from {low:.3f} to {high:.3f}, prior predictive p from "
                f"{self.prior_p.min():.3f} to {self.prior_p.max():.3f}"
            )
        return (
            f"observed {self.observed:.4g}; posterior predictive "
            f"{self.posterior.mean():.4g} ± {self.posterior.std(ddof=1):.2g}, "
            f"p = {self.posterior_p:.3f}; prior predictive {self.prior.mean():.4g} ± "
            f"{self.prior.std(ddof=1):.2g}, p = {self.prior_p:.3f} ({len(self.prior)} replicates)"
        )


def predictive_check(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    statistic: Statistic,
    num_draws: int = 200,
    *,
    seed: int = 0,
    chunk_size: int = 200_000,
    engine: str | None = None,
) -> PredictiveCheck:
    """Posterior and prior predictive checks (Rubin 1984; Gelman, Meng & Stern 1996).

        posterior: z_n ~ q(z | x_n),  x_n' ~ p(x | z_n);   prior: (z_n, x_n') ~ p(z, x)
        p = (1 + #{T(x') >= T(x)}) / (1 + num_draws)

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array, of which the
            others are given to the replicates too.
        statistic: T, of all rows together: an array in the shape of x to a number or an array.
        num_draws: how many data sets are replicated, at least 2.
        seed: seed of the draws.
        chunk_size: largest number of rows in the replicates that are held at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        The statistic of the data and of the replicates.

    Raises:
        ArgumentError: if an argument is out of range, or the statistic is not finite.
        DataError: if the pair cannot score the data.
        ObjectiveError: if no site of the model observes x as it is.
    """
    num_draws = check_count("num_draws", num_draws, least=2)
    if not callable(statistic):
        raise ArgumentError(
            f"statistic must be a function of an array like x, for example numpy.mean; got "
            f"{shown(statistic)}."
        )
    chunk_size = check_count("chunk_size", chunk_size)
    backend, pair, arrays = understood(pair, x, seed=seed, engine=engine)
    structure = explaining(lambda rows: backend.structure(pair, rows), arrays)
    check_scored("predictive_check", arrays)(structure)
    check_whole(structure, "predictive_check")
    if not any(site.argument == 0 for site in structure.observed):
        raise ObjectiveError(
            "predictive_check replicates x, but no site of the model observes it as it is; pass it "
            "to a sample statement with obs=."
        )
    name = structure.generated.name
    observed = _statistic(statistic, arrays[0])
    posterior, prior = [], []
    most = max(1, chunk_size // len(arrays[0]))
    for number, some in enumerate(slices(num_draws, most)):
        count = some.stop - some.start
        seeds = np.random.SeedSequence((int(seed), number)).generate_state(3)
        data = backend.prior_draws(pair, arrays, count, int(seeds[2]))[1][name]
        prior += [_statistic(statistic, one, observed.shape) for one in _like(data, arrays)]
        if structure.latents:
            latents = backend.guide_draws(pair, passed, arrays, count, int(seeds[0])).latents
            found = backend.score_draws(pair, arrays, latents, count, int(seeds[1]))
            data = found.predictive[name]
        else:
            found = backend.score_draws(pair, arrays, {}, 1, int(seeds[1]))
        if name in found.following:
            raise ObjectiveError(f"predictive_check draws data at {name!r}, but {FOLLOWS}.")
        posterior += [_statistic(statistic, one, observed.shape) for one in _like(data, arrays)]
    return PredictiveCheck(observed, np.stack(posterior), np.stack(prior))


def _like(data: NDArray[Any], arrays: Arrays) -> NDArray[Any]:
    return data.reshape(len(data), *arrays[0].shape)


def _statistic(
    statistic: Statistic, data: NDArray[Any], shape: tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    returned = called("statistic", statistic, data)
    try:
        found = as_array(returned, np.float64, first=False)
    except DataError:
        found = None
    if found is None or not np.isfinite(found).all():
        raise ArgumentError(
            f"statistic must return finite numbers, got {shown(returned)} for data of shape "
            f"{data.shape}."
        )
    if shape is not None and found.shape != shape:
        raise ArgumentError(
            f"statistic must return the same shape for all data sets, got {found.shape} for a "
            f"replicate and {shape} for x."
        )
    return found.astype(np.float64)


def _upper(replicates: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1 + (replicates >= observed).sum(0)) / (1 + len(replicates)))
