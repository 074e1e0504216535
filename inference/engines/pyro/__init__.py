"""The Pyro engine."""

from inference.engines.pyro.annealing import Annealer, simulate
from inference.engines.pyro.evaluation import (
    critic_scores,
    decode,
    draw,
    encode,
    guide_log_probs,
    log_evidence,
    log_weights,
    structure,
)
from inference.engines.pyro.gradients import gradients
from inference.engines.pyro.pairs import parameters, rebuild
from inference.engines.pyro.program import attach, inspect, loss
from inference.engines.pyro.training import Trainer

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
