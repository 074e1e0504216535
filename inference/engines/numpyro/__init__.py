"""The NumPyro engine."""

from inference.engines.numpyro.annealing import Annealer
from inference.engines.numpyro.checking import Probe
from inference.engines.numpyro.completion import complete
from inference.engines.numpyro.copies import on_arrays
from inference.engines.numpyro.devices import device_name
from inference.engines.numpyro.evaluation import (
    ask,
    critic_scores,
    encode,
    guide_log_probs,
    log_evidence,
    log_weights,
    site_densities,
    structure,
)
from inference.engines.numpyro.free_guides import FreedGuide
from inference.engines.numpyro.gibbs import gibbs
from inference.engines.numpyro.gradients import (
    gradient_moments,
    gradients,
    means_learn,
    parameter_groups,
    snapshot,
)
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.latent_completion import complete_with_latents
from inference.engines.numpyro.mcmc import nuts
from inference.engines.numpyro.parameters import parameters, params, rebuild
from inference.engines.numpyro.posterior_scores import guide_draws, prior_draws, score_draws
from inference.engines.numpyro.precision import precision
from inference.engines.numpyro.simulation import decode, draw, simulate
from inference.engines.numpyro.svi import attach, loss
from inference.engines.numpyro.tempering import Tempering
from inference.engines.numpyro.training import Trainer

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
