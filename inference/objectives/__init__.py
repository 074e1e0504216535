"""Ways of learning: one estimator family a file, each usable as `loss=` in both engines' SVI."""

from inference.objectives._objective import Objective
from inference.objectives._parsing import describe_objective, parse_objective
from inference.objectives.elbo import ELBO
from inference.objectives.iwae import CIWAE, IWAE, MIWAE
from inference.objectives.renyi import Renyi
from inference.objectives.score_function import RLOO, VIMCO

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "RLOO",
    "VIMCO",
    "Objective",
    "Renyi",
    "describe_objective",
    "parse_objective",
]
