"""Draws of Markov chains, and whether they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.engines import load_engine
from inference.posterior.arviz import inference_data
from inference.posterior.arviz_library import load_arviz
from inference.posterior.diagnostics import effective_sample_size, r_hat
from inference.posterior.draws import description

if TYPE_CHECKING:
    import pandas as pd
    from arviz import InferenceData

    from inference.posterior.sampler import Sampler

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, repr=False)
class Posterior:
    """C chains of S draws from p(z | data).

    Attributes:
        draws: the latents, and what the model computes from them with a `deterministic` statement,
            by site, each (C, S, *batch, *event).
        statistics: `diverging`, `acceptance_rate`, `n_steps` and `energy`, each (C, S).
        held: the model's parameters, which kept the values that they have in the pair.
        summed: discrete latents that were summed over, and so have no draws.
        seconds: time that sampling took, compilation included.
        sampler: the settings.
        pair: the pair; its guide was not used.
        data: the data.
        seed: seed of starting points and moves.
        engine: `"pyro"` or `"numpyro"`, the pair's.
    """

    draws: Arrays
    statistics: Arrays
    held: tuple[str, ...]
    summed: tuple[str, ...]
    seconds: float
    sampler: Sampler
    pair: Any
    data: tuple[NDArray[Any], ...]
    seed: int
    engine: str = "numpyro"

    @cached_property
    def r_hat(self) -> Arrays:
        """Rank-normalised split R-hat of each entry, by site (Vehtari et al. 2021).

        Near 1 where the chains agree; NaN for an entry that is constant.
        """
        return r_hat(self.draws)

    @cached_property
    def ess_bulk(self) -> Arrays:
        """How many independent draws are worth as much for a mean, by site."""
        return effective_sample_size(self.draws, "bulk")

    @cached_property
    def ess_tail(self) -> Arrays:
        """The same for the 5 % and 95 % quantiles."""
        return effective_sample_size(self.draws, "tail")

    @property
    def ess(self) -> Arrays:
        """The smaller of bulk and tail effective sample size of each entry, by site."""
        return {name: np.minimum(bulk, self.ess_tail[name]) for name, bulk in self.ess_bulk.items()}

    @property
    def divergences(self) -> int:
        """Draws at which the simulated path left the true one: the posterior is too curved there.

        More than a few mean that a region was not visited. Raise `target_accept`, or write the
        model with fewer dependent scales.
        """
        return int(self.statistics["diverging"].sum())

    def converged(self, *, r_hat: float = 1.01, ess: float = 400, divergences: int = 0) -> bool:
        """Whether the draws can be trusted, by the thresholds of Vehtari et al. (2021).

        Entries that are constant, as half of a triangular matrix is, do not count.

        Args:
            r_hat: the largest R-hat.
            ess: the smallest effective sample size, bulk and tail.
            divergences: the most divergent draws.
        """
        worst, least = self._extremes
        return bool(worst <= r_hat and least >= ess and self.divergences <= divergences)

    def summary(self) -> pd.DataFrame:
        """Mean, deviation, intervals and diagnostics of each entry, by ArviZ."""
        from inference.tables import PrintedTable

        return PrintedTable(load_arviz().summary(self._by_name(None)))

    def to_arviz(self) -> InferenceData:
        """The draws with what they say about the data: the groups of `inference.to_arviz`.

        `sample_stats` has the sampler's statistics in place of importance weights. Where discrete
        latents were summed over, the likelihood given them is not known, and the groups that need
        it are left out.
        """
        if self.summed:
            return self._by_name(None)
        chains, draws = next(iter(self.draws.values())).shape[:2]
        structure = load_engine(self.engine).structure(self.pair, self.data)
        flat = {
            site.name: self.draws[site.name].reshape(-1, *self.draws[site.name].shape[2:])
            for site in structure.latents
        }
        seed = int(np.random.SeedSequence(self.seed).generate_state(2)[1])
        scored = load_engine(self.engine).score_draws(
            self.pair, self.data, flat, chains * draws, seed
        )
        return self._by_name(scored)

    def _by_name(self, scored: Any) -> InferenceData:
        notes = description(self.pair, self.engine, self.data, self.seed)
        return inference_data(
            load_engine(self.engine).structure(self.pair, self.data),
            self.draws,
            scored,
            sample_stats=self.statistics,
            attrs={**notes, "sampler": repr(self.sampler), "seconds": self.seconds},
        )

    @cached_property
    def _extremes(self) -> tuple[float, float]:
        """The worst R-hat and the least effective sample size of what varies."""
        worst, least = [], []
        for name, value in self.draws.items():
            varies = (value != value[:1, :1]).any((0, 1))
            worst.append(self.r_hat[name][varies])
            least.append(self.ess[name][varies])
        flat = [np.concatenate([np.ravel(part) for part in parts]) for parts in (worst, least)]
        return float(flat[0].max()), float(flat[1].min())

    def __repr__(self) -> str:
        worst, least = self._extremes
        sites = ", ".join(f"{name} {value.shape[2:]}" for name, value in self.draws.items())
        held = f"; held: {', '.join(self.held)}" if self.held else ""
        summed = f"; summed over: {', '.join(self.summed)}" if self.summed else ""
        return (
            f"<Posterior of {sites}{held}{summed}; {self.sampler}: R-hat up to {worst:.3f}, "
            f"effective sample size from {least:.0f}, {self.divergences} divergences, "
            f"{self.seconds:.1f} s>"
        )
