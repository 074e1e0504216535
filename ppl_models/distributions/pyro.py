"""The distributions for Pyro."""

from __future__ import annotations

from pyro.distributions import OneHotCategorical

from ppl_models.networks.chains.counting_measure import CountingMeasure
from ppl_models.networks.chains.markov_chain import HiddenMarkov, MarkovChain
from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann
from ppl_models.networks.images.pixels import CategoricalLevels
from ppl_models.networks.observations.likelihoods import DiscretisedLogistic

__all__ = [
    "CategoricalLevels",
    "CountingMeasure",
    "DiscretisedLogistic",
    "HiddenMarkov",
    "MarkovChain",
    "OneHotCategorical",
    "RestrictedBoltzmann",
]
