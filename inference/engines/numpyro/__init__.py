"""The NumPyro engine."""

from inference.engines.numpyro.evaluation import (
    decode,
    draw,
    encode,
    log_evidence,
    log_weights,
)
from inference.engines.numpyro.pairs import parameters, rebuild
from inference.engines.numpyro.program import inspect, loss
from inference.engines.numpyro.training import Trainer

__all__ = [
    "Trainer",
    "decode",
    "draw",
    "encode",
    "inspect",
    "log_evidence",
    "log_weights",
    "loss",
    "parameters",
    "rebuild",
]
