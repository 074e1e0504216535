"""Draws from a guide, and what the model says about data at given latents, on NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.traces import Run, run
from inference.program.posterior_scores import (
    GuideDraws,
    ScoredDraws,
    following_their_data,
    propose_nothing,
)
from inference.program.structure import Structure, can_draw

Rows = tuple[Any, ...]


def guide_draws(
    pair: Any, check: Callable[[Structure], None], batch: Rows, num_draws: int, rng_seed: int
) -> GuideDraws:
    """S draws of the latents of a whole batch from the guide.

    Args:
        pair: the pair.
        check: refuses a structure.
        batch: the data.
        num_draws: S.
        rng_seed: seed of the draws.
    """
    values, (model, guide), rows = _parts(pair, batch)
    with evaluating(pair):
        structure = inspect(model, guide, rows, {})
        check(structure)

    def one(key: Array) -> tuple[dict[str, Array], Array]:
        program = NumPyroProgram(key, values, model, guide, rows, {}, _unchecked)
        draws = program.draw(1)
        latents = {
            site.name: draws.values[site.name].reshape(site.batch_shape + site.event_shape)
            for site in structure.latents
        }
        # Without a latent there is nothing to propose: log q is zero for every cell.
        own = draws.log_q_without(structure.training_only)
        return latents, (own + jnp.zeros_like(draws.log_p))[0]

    keys = random.split(random.PRNGKey(rng_seed), num_draws)
    with evaluating(pair), numpyro.validation_enabled(False):
        latents, log_q = jax.device_get(Compiled(lambda keys: lax.map(one, keys))(keys))
    return GuideDraws(latents, log_q)


def score_draws(
    pair: Any, batch: Rows, latents: Mapping[str, NDArray[Any]], num_draws: int, rng_seed: int
) -> ScoredDraws:
    """Likelihood, predictive draws and joint density of a batch at S values of its latents.

    Args:
        pair: the pair; its guide is not used.
        batch: the data.
        latents: every latent of the model, (S, *batch, *event).
        num_draws: S.
        rng_seed: seed of the predictive draws.
    """
    values, (model, _), rows = _parts(pair, batch)
    with evaluating(pair):
        structure = inspect(model, propose_nothing, rows, {})
    names = [site.name for site in structure.observed if not site.training_only]

    def one(given: tuple[Array, dict[str, Array]]) -> dict[str, Any]:
        keys, latents = random.split(given[0], 3), given[1]
        program = NumPyroProgram(keys[0], values, model, propose_nothing, rows, {}, _unchecked)
        draws = program.draw(1, values={name: value[None] for name, value in latents.items()})
        scored = run(model, keys[1], rows, params=values, values=latents)
        sites, made = scored.sites, _generated(model, values, rows, latents, keys[2]).sites
        return {
            "log_likelihood": {n: sites[n]["fn"].log_prob(sites[n]["value"]) for n in names},
            "predictive": {n: made[n]["value"] for n in names},
            "computed": scored.computed,
            "log_p": draws.likelihood_weight(structure.training_only)[0],
        }

    keys = random.split(random.PRNGKey(rng_seed), num_draws)
    mapped = Compiled(lambda keys, latents: lax.map(one, (keys, latents)))
    with evaluating(pair), numpyro.validation_enabled(False):
        found = jax.device_get(mapped(keys, dict(latents)))
        sites = run(model, keys[0], rows, params=values).sites

        def densities(given: Sequence[Any]) -> dict[str, Array]:
            held = {name: jnp.asarray(value[-1]) for name, value in latents.items()}
            again = run(model, keys[0], tuple(given), params=values, values=held).sites
            return {n: again[n]["fn"].log_prob(sites[n]["value"]) for n in names}

        drawn = {name: jnp.asarray(value[-1]) for name, value in found["predictive"].items()}
        following = frozenset[str]()
        if not can_draw(model):
            following = following_their_data(structure, rows, drawn, densities)
    observed = {
        name: jnp.broadcast_to(sites[name]["value"], sites[name]["fn"].shape()) for name in names
    }
    return ScoredDraws(**found, observed=jax.device_get(observed), following=following)


def prior_draws(
    pair: Any, batch: Rows, num_draws: int, rng_seed: int
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """S draws of (latents, data) from the model, each (S, *batch, *event) by site.

    What the model is given besides x, and how many rows there are, is taken from the batch.
    """
    values, (model, _), rows = _parts(pair, batch)
    with evaluating(pair):
        structure = inspect(model, propose_nothing, rows, {})
    wanted = [
        {site.name for site in sites if not site.training_only}
        for sites in (structure.latents, structure.observed)
    ]

    def one(key: Array) -> list[dict[str, Array]]:
        made = _generated(model, values, rows, {}, key).sites
        return [{n: made[n]["value"] for n in sorted(names)} for names in wanted]

    keys = random.split(random.PRNGKey(rng_seed), num_draws)
    with evaluating(pair), numpyro.validation_enabled(False):
        latents, data = jax.device_get(Compiled(lambda keys: lax.map(one, keys))(keys))
    return latents, data


def _generated(
    model: Callable[..., Any],
    values: Mapping[str, Any],
    rows: Rows,
    latents: Mapping[str, Array],
    key: Array,
) -> Run:
    """A run of the model that draws its data, at given latents."""
    # A model that reads the rows before the one that it draws has to read its own.
    size = len(rows[0]) if can_draw(model) else None
    return run(model, key, rows, params=values, values=latents, size=size, blind=size is None)


def _parts(pair: Any, batch: Rows) -> tuple[dict[str, Any], Any, Rows]:
    """Parameters, model and guide, data."""
    stored = isinstance(pair, StoredPair)
    values = pair.values if stored else {}
    return values, parts(pair.wrapped if stored else pair), tuple(map(jnp.asarray, batch))


def _unchecked(structure: Structure) -> None:
    """The structure was checked before anything was compiled."""
