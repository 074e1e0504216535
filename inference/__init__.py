"""How generative models learn, and how well: objectives, training, evaluation, on both engines.

Names are imported when they are first used, so that the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.evaluation.classification import classify
    from inference.evaluation.likelihood import Estimate, log_likelihood
    from inference.evaluation.posterior import active_units
    from inference.objectives import (
        CIWAE,
        ELBO,
        IWAE,
        MIWAE,
        NVIL,
        PIWAE,
        REBAR,
        RELAX,
        RLOO,
        RWS,
        STL,
        VIMCO,
        ChiSquare,
        Concrete,
        DisARM,
        DReG,
        Enumerated,
        Objective,
        Renyi,
        TailAdaptive,
        Validity,
        WakeSleep,
        valid_objectives,
    )
    from inference.training.fit import fit
    from inference.training.run import Run, load_run

_HOMES = {
    "valid_objectives": "inference.objectives",
    "WakeSleep": "inference.objectives",
    "Validity": "inference.objectives",
    "TailAdaptive": "inference.objectives",
    "Enumerated": "inference.objectives",
    "DisARM": "inference.objectives",
    "DReG": "inference.objectives",
    "Concrete": "inference.objectives",
    "ChiSquare": "inference.objectives",
    "STL": "inference.objectives",
    "RWS": "inference.objectives",
    "RELAX": "inference.objectives",
    "REBAR": "inference.objectives",
    "PIWAE": "inference.objectives",
    "NVIL": "inference.objectives",
    "CIWAE": "inference.objectives",
    "ELBO": "inference.objectives",
    "Estimate": "inference.evaluation.likelihood",
    "IWAE": "inference.objectives",
    "MIWAE": "inference.objectives",
    "Objective": "inference.objectives",
    "RLOO": "inference.objectives",
    "Renyi": "inference.objectives",
    "Run": "inference.training.run",
    "VIMCO": "inference.objectives",
    "classify": "inference.evaluation.classification",
    "active_units": "inference.evaluation.posterior",
    "fit": "inference.training.fit",
    "load_run": "inference.training.run",
    "log_likelihood": "inference.evaluation.likelihood",
}

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "NVIL",
    "PIWAE",
    "REBAR",
    "RELAX",
    "RLOO",
    "RWS",
    "STL",
    "VIMCO",
    "ChiSquare",
    "Concrete",
    "DReG",
    "DisARM",
    "Enumerated",
    "Estimate",
    "Objective",
    "Renyi",
    "Run",
    "TailAdaptive",
    "Validity",
    "WakeSleep",
    "active_units",
    "classify",
    "fit",
    "load_run",
    "log_likelihood",
    "valid_objectives",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inference' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
