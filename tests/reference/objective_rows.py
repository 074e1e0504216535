"""Which kinds of latents each objective is for: the row that a new one gets.

The kinds are the certificate's cases.
"""

from __future__ import annotations

from inference.objectives import Objective
from inference.objectives.registry import examples

CONTINUOUS = {"reparameterised"}
RELAXABLE = {"bernoulli", "categorical", "mixed"}
DISCRETE = {*RELAXABLE, "integer"}
ANY = CONTINUOUS | DISCRETE
ROWS: dict[str, set[str]] = {
    "ELBO": ANY,
    "IWAE": CONTINUOUS,
    "MIWAE": CONTINUOUS,
    "PIWAE": CONTINUOUS,
    "CIWAE": CONTINUOUS,
    "STL": CONTINUOUS,
    "DReG": CONTINUOUS,
    "Renyi": CONTINUOUS,
    "TailAdaptive": CONTINUOUS,
    "ChiSquare": CONTINUOUS,
    "TVO": ANY,
    "SUMO": ANY,
    "JensenShannon": ANY,
    "TotalVariation": ANY,
    "NVIL": ANY,
    "RLOO": ANY,
    "VIMCO": ANY,
    "Concrete": RELAXABLE,
    "REBAR": RELAXABLE,
    "RELAX": RELAXABLE,
    "MuProp": RELAXABLE,
    "ARM": RELAXABLE,
    "DisARM": RELAXABLE,
    "RWS": ANY,
    "WakeSleep": ANY,
    "Enumerated": DISCRETE,
    # These need a model that draws data, which the cases' do not.
    "InfoVAE": set(),
    "MMD": set(),
    "Adversarial": set(),
    # These take an array of their own after the pair's: labels, domains.
    "SemiSupervisedAdversarial": set(),
    "DomainAdversarial": set(),
    "CycleConsistent": set(),
    # A model without latents, whose data are drawn entry by entry.
    "ScheduledSampling": set(),
    "ProfessorForcing": set(),
    "OrderAgnostic": set(),
    # These need a density that is known up to a constant: see energies.py.
    "CD": set(),
    "PseudoLikelihood": set(),
    "NCE": set(),
    "ScoreMatching": set(),
    "UpDown": set(),
    "MultiPrediction": set(),
    # A latent of a counting measure.
    "Denoising": set(),
}


BESIDE = {"SemiSupervisedAdversarial", "DomainAdversarial", "CycleConsistent"}
"""Those that refuse data without an array of their own."""


def valid(case: str) -> set[str]:
    """The names of the objectives that are for a case."""
    return {name for name, cases in ROWS.items() if case in cases}


def examples_for(case: str) -> list[Objective]:
    """One of each of them."""
    return [each for each in examples() if type(each).__name__ in valid(case)]
