"""The Pyro engine."""

from inference.engines.pyro.annealing import Annealer
from inference.engines.pyro.checking import Probe
from inference.engines.pyro.completion import complete
from inference.engines.pyro.copies import on_arrays
from inference.engines.pyro.devices import device_name
from inference.engines.pyro.evaluation import (
    ask,
    critic_scores,
    encode,
    guide_log_probs,
    log_evidence,
    log_weights,
    site_densities,
    structure,
)
from inference.engines.pyro.free_guides import FreedGuide
from inference.engines.pyro.gibbs import gibbs
from inference.engines.pyro.gradients import (
    gradient_moments,
    gradients,
    means_learn,
    parameter_groups,
    snapshot,
)
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.latent_completion import complete_with_latents
from inference.engines.pyro.mcmc import nuts
from inference.engines.pyro.parameters import parameters, params, rebuild
from inference.engines.pyro.posterior_scores import guide_draws, prior_draws, score_draws
from inference.engines.pyro.precision import precision
from inference.engines.pyro.simulation import decode, draw, simulate
from inference.engines.pyro.svi import attach, loss
from inference.engines.pyro.tempering import Tempering
from inference.engines.pyro.training import Trainer

__all__ = [
    "Annealer",
    "FreedGuide",
    "Probe",
    "Tempering",
    "Trainer",
    "ask",
    "attach",
    "complete",
    "complete_with_latents",
    "critic_scores",
    "decode",
    "device_name",
    "draw",
    "encode",
    "gibbs",
    "gradient_moments",
    "gradients",
    "guide_draws",
    "guide_log_probs",
    "inspect",
    "log_evidence",
    "log_weights",
    "loss",
    "means_learn",
    "nuts",
    "on_arrays",
    "parameter_groups",
    "parameters",
    "params",
    "precision",
    "prior_draws",
    "rebuild",
    "score_draws",
    "simulate",
    "site_densities",
    "snapshot",
    "structure",
]
