"""Markov chain Monte Carlo on NumPyro."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import random
from numpy.typing import NDArray
from numpyro.handlers import substitute
from numpyro.infer import MCMC, NUTS

from inference.engines.funsor_backend import use_in_funsor
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.parameters import flatten, public_names
from inference.engines.numpyro.traces import run
from inference.errors import ObjectiveError
from inference.program.chains import Chains
from inference.program.posterior_scores import propose_nothing
from inference.program.structure import Structure

_FIELDS = {
    "diverging": "diverging",
    "acceptance_rate": "accept_prob",
    "n_steps": "num_steps",
    "energy": "energy",
}


def nuts(
    pair: Any,
    check: Callable[[Structure], None],
    batch: tuple[NDArray[Any], ...],
    *,
    num_warmup: int,
    num_samples: int,
    num_chains: int,
    target_accept: float,
    rng_seed: int,
) -> Chains:
    """Chains of the no-U-turn sampler over the latents of a model, its parameters held.

    Args:
        pair: the pair; its guide is not used.
        check: refuses a structure.
        batch: the data.
        num_warmup: draws of each chain that adapt step size and mass, and are dropped.
        num_samples: draws of each chain that are kept.
        num_chains: how many, run side by side.
        target_accept: acceptance probability that the step size is adapted to.
        rng_seed: seed of starting points and moves.

    Raises:
        ObjectiveError: naming a discrete latent that cannot be summed over.
    """
    values = pair.values if isinstance(pair, StoredPair) else {}
    model = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)[0]
    rows = tuple(map(jnp.asarray, batch))
    with evaluating(pair):
        use_in_funsor("jax", "numpyro")
        check(inspect(model, propose_nothing, rows, {}))
        begun = run(model, random.PRNGKey(0), rows, params=values)
        fixed, summed = begun.parameters, _summed(begun.latents)
        sampler = MCMC(
            NUTS(substitute(model, data=fixed), target_accept_prob=target_accept),
            num_warmup=num_warmup,
            num_samples=num_samples,
            num_chains=num_chains,
            chain_method="vectorized",
            progress_bar=False,
        )
        key = random.PRNGKey(rng_seed)
        sampler.run(key, *rows, extra_fields=tuple(_FIELDS.values()))
        draws = jax.device_get(sampler.get_samples(group_by_chain=True))
        extra = jax.device_get(sampler.get_extra_fields(group_by_chain=True))
    return Chains(
        draws=draws,
        statistics={name: extra[field] for name, field in _FIELDS.items()},
        held=tuple(public_names(flatten(fixed))),
        summed=summed,
    )


def _summed(latents: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The discrete latents, all of which NumPyro is asked to sum over.

    Raises:
        ObjectiveError: naming the first that it is not asked to, or cannot.
    """
    found = []
    for name, site in latents.items():
        if not site["fn"].support.is_discrete:
            continue
        can = site["fn"].has_enumerate_support and importlib.util.find_spec("funsor") is not None
        if not can or site["infer"].get("enumerate") != "parallel":
            raise ObjectiveError(
                f"NUTS moves latents along the gradient of their density, but latent {name!r} is "
                "discrete. If it has few values, install funsor and write the site with "
                "infer={'enumerate': 'parallel'}, which sums it out; otherwise sum it out in the "
                "model, or use a guide, with RWS() or VIMCO() for example."
            )
        found.append(name)
    return tuple(found)
