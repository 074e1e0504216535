"""The distributions for Pyro."""

from __future__ import annotations

from pyro.distributions import OneHotCategorical

from ppl_models.networks.likelihoods import DiscretisedLogistic
from ppl_models.networks.markov_chain import HiddenMarkov, MarkovChain
from ppl_models.networks.pixels import CategoricalLevels
from ppl_models.networks.restricted_machine import RestrictedBoltzmann

__all__ = [
    "CategoricalLevels",
    "DiscretisedLogistic",
    "HiddenMarkov",
    "MarkovChain",
    "OneHotCategorical",
    "RestrictedBoltzmann",
]
