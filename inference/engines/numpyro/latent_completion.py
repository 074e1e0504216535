"""Data of which some entries are given, in models with discrete latents, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.gibbs import Sweeps
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.traces import run
from inference.program.completion import check_held_with_latents, check_independent
from inference.program.discrete_states import entries_of
from inference.program.distributions import innermost

Values = dict[str, Array]


def complete_with_latents(
    pair: Any, batch: tuple[NDArray[Any], ...], held: NDArray[np.bool_], steps: int, rng_seed: int
) -> NDArray[Any]:
    """Where chains of latents and data are after some steps in which the held entries stay.

    See `inference.program.engine.Engine.complete_with_latents`.
    """
    values = pair.values if isinstance(pair, StoredPair) else {}
    model, guide = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)
    x, *rest = map(jnp.asarray, batch)
    with evaluating(pair), numpyro.validation_enabled(False):
        structure = inspect(model, guide, (x, *rest), {})
        structure.check_match()
        name = check_held_with_latents(structure)
        start, key = random.split(random.PRNGKey(rng_seed))
        proposed = run(guide, start, (x, *rest), params=values)
        begun = {latent: site["value"] for latent, site in proposed.latents.items()}
        seen = run(model, start, (x, *rest), params=values, values=begun).sites
        laws = {latent: seen[latent]["fn"] for latent in begun}
        first = next(iter(laws), "")
        by_kernel = len(laws) == 1 and hasattr(innermost(laws[first]), "transition_given")
        if not by_kernel:
            check_independent(name, seen[name]["fn"])
        entries = [] if by_kernel else entries_of(structure, laws, "complete()")

        def step(number: Any, carry: tuple[Values, Array]) -> tuple[Values, Array]:
            latents, now = carry
            moved, drawn = random.split(random.fold_in(key, number))
            if by_kernel:
                made = run(model, key, (now, *rest), params=values, values=latents)
                law = innermost(made.sites[first]["fn"])
                before = latents[first]
                value, found = law.transition_given(before, now, held, moved)
                return {first: value.astype(before.dtype)}, found.astype(x.dtype)
            sweeps = Sweeps(model, values, (now, *rest), structure, entries)
            latents = sweeps.sweep(latents, moved)
            found = sweeps.at(latents).sites[name]["fn"].sample(drawn).astype(x.dtype)
            return latents, jnp.where(held, x, found)

        def chain(latents: Values) -> Array:
            return lax.fori_loop(0, steps, step, (latents, x))[1]

        return np.asarray(Compiled(chain)(begun))
