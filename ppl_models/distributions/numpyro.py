"""The distributions for NumPyro."""

from __future__ import annotations

from typing import Any

import numpyro.distributions as dist

from ppl_models.networks.chains.counting_measure_numpyro import CountingMeasure
from ppl_models.networks.chains.markov_chain_numpyro import HiddenMarkov, MarkovChain
from ppl_models.networks.energies.restricted_machine_numpyro import RestrictedBoltzmann
from ppl_models.networks.observations.likelihoods_numpyro import DiscretisedLogistic

__all__ = [
    "CountingMeasure",
    "DiscretisedLogistic",
    "HiddenMarkov",
    "MarkovChain",
    "OneHotCategorical",
    "RestrictedBoltzmann",
]


def OneHotCategorical(probs: Any = None, *, logits: Any = None) -> dist.Distribution:  # noqa: N802
    """One of K classes as a row of K zeros and ones, which sums to one.

    log p(x) = sum_k x_k log p_k, event shape (K,). It is `Multinomial` with one draw, which every
    objective of `inference` for discrete draws knows by its relaxation: `Concrete`, `REBAR`,
    `RELAX`, `MuProp`, `ARM` and `DisARM` take it where a `Categorical`, whose values are integers,
    has none.

    Args:
        probs: probabilities, shape (..., K).
        logits: in their place, log probabilities up to a constant, (..., K).

    Raises:
        ValueError: if both or neither are given.
    """
    if (probs is None) == (logits is None):
        raise ValueError("give either probs or logits to OneHotCategorical, of shape (..., K).")
    if logits is None:
        return dist.Multinomial(total_count=1, probs=probs)
    return dist.Multinomial(total_count=1, logits=logits)
