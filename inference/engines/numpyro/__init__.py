"""The NumPyro engine."""

from inference.engines.numpyro.annealing import Annealer, simulate
from inference.engines.numpyro.evaluation import (
    critic_scores,
    decode,
    draw,
    encode,
    guide_log_probs,
    log_evidence,
    log_weights,
    structure,
)
from inference.engines.numpyro.gradients import gradients
from inference.engines.numpyro.pairs import parameters, rebuild
from inference.engines.numpyro.program import attach, inspect, loss
from inference.engines.numpyro.training import Trainer

__all__ = [
    "Annealer",
    "Trainer",
    "attach",
    "critic_scores",
    "decode",
    "draw",
    "encode",
    "gradients",
    "guide_log_probs",
    "inspect",
    "log_evidence",
    "log_weights",
    "loss",
    "parameters",
    "rebuild",
    "simulate",
    "structure",
]
