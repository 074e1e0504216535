"""Ways of learning: one estimator family a file, each usable as `loss=` in both engines' SVI."""

from inference.objectives._objective import Objective
from inference.objectives._parsing import describe_objective, parse_objective
from inference.objectives.elbo import ELBO
from inference.objectives.iwae import IWAE

__all__ = ["ELBO", "IWAE", "Objective", "describe_objective", "parse_objective"]
