"""Ways of learning: one estimator family a file, each usable as `loss=` in both engines' SVI."""

from inference.objectives import catalogue
from inference.objectives._objective import Objective
from inference.objectives.catalogue import *  # noqa: F403
from inference.objectives.registry import enlist, parse_objective
from inference.objectives.spelling import describe_objective
from inference.objectives.validity import Validity, valid_objectives

_OWN = {name: kind for name, kind in vars(catalogue).items() if isinstance(kind, type)}
enlist(Objective, _OWN.values())

__all__ = [
    "Objective",
    "Validity",
    "describe_objective",
    "parse_objective",
    "valid_objectives",
]
__all__ += [*_OWN]
