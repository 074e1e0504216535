"""Probabilities that come nearer to 0 or 1 than a float tells apart."""

from __future__ import annotations

import numpy as np

from inference.checking.context import Context
from inference.program.records import RecordedSite

_OF_PROBABILITIES = (
    *("Bernoulli", "Binomial", "Categorical", "Geometric", "Multinomial", "NegativeBinomial"),
    "OneHotCategorical",
)


def saturated(single: RecordedSite, double: RecordedSite) -> bool:
    """Whether float32 and float64 differ only where a library bounds probabilities from 0 and 1.

    Both libraries put a probability of the float's own resolution in the place of a smaller one, so
    that log densities in float32 are too high there, and right elsewhere.
    """
    if not single.distribution.startswith(_OF_PROBABILITIES):
        return False
    if np.shape(single.log_prob) != np.shape(double.log_prob):
        return False
    more = single.log_prob.astype(float) - double.log_prob
    return bool((more >= -1e-3 * (1 + np.abs(double.log_prob))).all() and (more > 1e-2).any())


def saturated_sites(context: Context) -> list[str]:
    """The sites of the model that are so at the guide's draws, of which no slope can be told."""
    try:
        double = context.probe.record("model", context.batch, context.latents, double=True).sites
    except Exception:  # a pair that does not run in float64 says nothing of it
        return []
    single = context.model.sites
    return [name for name in single if name in double and saturated(single[name], double[name])]
