"""Expectation-maximisation and its kin in numpy float64, the classical reference beside SVI.

It imports no framework. What a function returns holds the parameters, their log-likelihood in nats
per datum, and the hyperparameters with which `create` starts a pair from there.
"""

from ppl_models.classical.bayesian_mixture import MeanField, MixturePrior, mixture_coordinate_ascent
from ppl_models.classical.hmm import HMMFit, hmm_em
from ppl_models.classical.labels import label_order
from ppl_models.classical.lda import lda_gibbs
from ppl_models.classical.mixture import MixtureFit, mixture_em

__all__ = [
    "HMMFit",
    "MeanField",
    "MixtureFit",
    "MixturePrior",
    "hmm_em",
    "label_order",
    "lda_gibbs",
    "mixture_coordinate_ascent",
    "mixture_em",
]
