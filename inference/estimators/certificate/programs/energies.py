"""The programs of densities that are known up to a constant, and what learns them."""

from __future__ import annotations

from typing import Any

from inference.estimators.certificate.programs.deep import Deep
from inference.estimators.certificate.programs.energy import Copies, Energy
from inference.objectives import (
    CD,
    ELBO,
    NCE,
    Denoising,
    MultiPrediction,
    Objective,
    PseudoLikelihood,
    UpDown,
)

ENERGIES: dict[str, Any] = {
    program.name: program
    for program in (
        Energy("energy"),
        Energy("summed", summed=True),
        Deep("deep"),
        Copies("copies"),
    )
}
"""Programs by name."""

OBJECTIVES: dict[str, Objective] = {
    "CD": CD(),
    "CD, 3 steps": CD(steps=3),
    "CD, 5 chains": CD(steps=2, chains=5),
    "UpDown": UpDown(),
    "UpDown, 5 chains": UpDown(steps=2, chains=5),
    "MultiPrediction": MultiPrediction(sweeps=3),
    "PseudoLikelihood": PseudoLikelihood(),
    "PseudoLikelihood, 1 entry": PseudoLikelihood(sites=1),
    "NCE": NCE(ratio=4),
    "Denoising": Denoising(walkback=0),
    "Denoising, walks": Denoising(walkback=2),
    "ELBO": ELBO(),
}
"""What learns them, by label."""
