"""The Pyro engine."""

from inference.engines.pyro.evaluation import (
    decode,
    draw,
    encode,
    log_evidence,
    log_weights,
)
from inference.engines.pyro.pairs import parameters, rebuild
from inference.engines.pyro.program import inspect, loss
from inference.engines.pyro.training import Trainer

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
