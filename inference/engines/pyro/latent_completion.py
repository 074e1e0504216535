"""Data of which some entries are given, in models with discrete latents, on Pyro."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.gibbs import Sweeps
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.traces import run
from inference.program.completion import check_held_with_latents, check_independent
from inference.program.discrete_states import entries_of
from inference.program.distributions import innermost


def complete_with_latents(
    pair: Any, batch: tuple[NDArray[Any], ...], held: NDArray[np.bool_], steps: int, rng_seed: int
) -> NDArray[Any]:
    """Where chains of latents and data are after some steps in which the held entries stay.

    See `inference.program.engine.Engine.complete_with_latents`.
    """
    (model, guide), (x, *rest) = parts(pair), tensors(pair, batch)
    mask = torch.tensor(held, device=x.device)
    with repeatable(pair, rng_seed):
        structure = inspect(model, guide, (x, *rest), {})
        structure.check_match()
        name = check_held_with_latents(structure)
        proposed = run(guide, (x, *rest))
        latents = {n: site["value"] for n, site in proposed.latents.items()}
        sites = run(model, (x, *rest), values=latents).sites
        laws = {latent: sites[latent]["fn"] for latent in latents}
        first = next(iter(laws), "")
        if len(laws) == 1 and hasattr(innermost(laws[first]), "transition_given"):
            law, value, now = innermost(laws[first]), latents[first], x
            for _ in range(steps):
                value, now = law.transition_given(value, now, mask)
            return now.cpu().numpy()
        check_independent(name, sites[name]["fn"])
        sweeps = Sweeps(model, (x, *rest), structure, entries_of(structure, laws, "complete()"))
        chains = {latent: value[None] for latent, value in latents.items()}
        for _ in range(steps):
            chains = sweeps.sweep(chains)
            values = {latent: value[0] for latent, value in chains.items()}
            drawn = run(model, sweeps.args, values=values).sites[name]["fn"].sample()
            sweeps.args = (torch.where(mask, x, drawn.to(x)), *rest)
        return sweeps.args[0].cpu().numpy()
