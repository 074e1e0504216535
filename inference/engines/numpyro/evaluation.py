"""Weights, evidence, draws and reconstructions of a pair on NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro import discrete
from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.copies import untouched_parts
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.ops import Ops
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.parameters import nested
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.traces import run
from inference.program.angles import counted_once
from inference.program.distributions import unwrapped
from inference.program.draws import Draws
from inference.program.guide_means import guide_means
from inference.program.structure import Structure


def log_weights(
    pair: Any, check: Callable[..., None], batch: tuple[NDArray[Any], ...], rng_seed: int
) -> Callable[..., tuple[NDArray[Any], NDArray[Any]]]:
    """A function (rows, K, (chunk, set)) to the log of the sum of K weights, and of squares, (N,).

    A fourth argument, latent to value of shape (N, *event), holds latents at values: the weights
    are then those of p(x, held). Sites that are for training only are left out.

    Args:
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        batch: data to find the structure with.
        rng_seed: seed; every chunk of data and set of particles has draws of its own.
    """

    def total(draws: Draws, structure: Structure, held: Mapping[str, Any]) -> Any:
        log_w = draws.likelihood_weight(structure.training_only, held)
        return jax.nn.logsumexp(log_w, axis=0), jax.nn.logsumexp(2 * log_w, axis=0)

    return _reading(pair, check, batch, rng_seed, total)


def site_densities(
    pair: Any,
    check: Callable[..., None],
    batch: tuple[NDArray[Any], ...],
    rng_seed: int,
    *,
    divergences: bool = False,
) -> Callable[..., Draws]:
    """A function (rows, K, (chunk, set)) to log p and log q of K draws per datum, by site.

    The function takes what that of `log_weights` takes; each density is (K, N), and the values that
    were drawn are not kept.

    Args:
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        batch: data to find the structure with.
        rng_seed: seed; every chunk of data and set of particles has draws of its own.
        divergences: whether to work out KL(q || p) where it is valid and known.
    """

    def every(draws: Draws, structure: Structure, held: Mapping[str, Any]) -> Any:
        del structure, held
        return draws.log_p_sites, draws.log_q_sites, draws.divergences

    read = _reading(pair, check, batch, rng_seed, every, divergences=divergences)
    return lambda *arguments: Draws(*read(*arguments), scored=frozenset())


def _reading(
    pair: Any,
    check: Callable[..., None],
    batch: tuple[NDArray[Any], ...],
    rng_seed: int,
    read: Callable[[Draws, Structure, Mapping[str, Any]], Any],
    *,
    divergences: bool = False,
) -> Callable[..., Any]:
    """A compiled function to what `read` takes from draws; see `log_weights`."""
    values = pair.values if isinstance(pair, StoredPair) else {}
    model, guide = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)
    with evaluating(pair):
        check(inspect(model, guide, batch, {}))

    def drawn(
        values: Any, rows: tuple[Any, ...], draw: Any, num_particles: int, held: dict[str, Any]
    ) -> Any:
        key = random.fold_in(random.fold_in(random.PRNGKey(rng_seed), draw[0]), draw[1])
        program = NumPyroProgram(key, values, model, guide, rows, {}, check)
        fixed = {n: jnp.broadcast_to(v, (num_particles, *v.shape)) for n, v in held.items()}
        draws = program.draw(num_particles, divergences=divergences, values=fixed)
        return read(counted_once(draws, program.structure, Ops), program.structure, held)

    compiled = Compiled(drawn, static=(3,))

    def scored(
        rows: tuple[Any, ...],
        num_particles: int,
        draw: tuple[int, int],
        held: Mapping[str, NDArray[Any]] | None = None,
    ) -> Any:
        # The data were checked once.
        with evaluating(pair), numpyro.validation_enabled(False):
            found = compiled(values, rows, draw, num_particles, dict(held or {}))
            return jax.tree.map(np.asarray, found)

    return scored


def structure(pair: Any, batch: tuple[NDArray[Any], ...]) -> Structure:
    """Sites and plates of a pair on one batch; leaves nothing behind in a guide."""
    # NumPyro's own checks would make a density of minus infinity out of one that is NaN.
    with evaluating(pair), numpyro.validation_enabled(False):
        found = inspect(*untouched_parts(pair), tuple(map(jnp.asarray, batch)), {})
    return replace(found, on=partial(structure, pair))


def guide_log_probs(pair: Any, batch: tuple[NDArray[Any], ...], site: str) -> NDArray[Any]:
    """The guide's log probability of each value of a categorical latent, shape (N, values)."""
    with evaluating(pair):
        found = run(parts(pair)[1], random.PRNGKey(0), tuple(map(jnp.asarray, batch)))
    return np.asarray(discrete.logits(found.sites[site]["fn"]))


def critic_scores(
    pair: Any,
    objective: Any,
    owned: Mapping[str, NDArray[Any]],
    batch: tuple[NDArray[Any], ...],
    asked: str = "scores",
) -> NDArray[Any]:
    """What the critic that an objective owns says of each datum; its score, (N,), as a rule."""
    key, values = random.PRNGKey(0), nested(owned)
    program = NumPyroProgram(key, values, *parts(pair), batch, {}, objective.require)
    return np.asarray(getattr(objective, asked)(program))


def log_evidence(pair: Any, *batch: NDArray[Any]) -> NDArray[Any]:
    """The pair's own closed form of log p(x), shape (N,)."""
    with evaluating(pair):
        return np.asarray(pair.log_evidence(*map(jnp.asarray, batch)))


def encode(
    pair: Any, *batch: NDArray[Any], rng_seed: int, num_draws: int
) -> dict[str, NDArray[Any]]:
    """The guide's mean of each latent: see `guide_means`."""
    arrays, key = tuple(map(jnp.asarray, batch)), random.PRNGKey(rng_seed)

    def look(fixed: Mapping[str, Any]) -> dict[str, Any]:
        with evaluating(pair):
            return run(parts(pair)[1], key, arrays, values=fixed).latents

    def average(fixed: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        def one(key: Array) -> dict[str, Any]:
            sites = run(parts(pair)[1], key, arrays, values=fixed).latents
            return {name: sites[name]["value"] for name in names}

        def more(total: Any, key: Array) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, one(key)), None

        first, *_ = keys = random.split(key, num_draws)
        with evaluating(pair):
            drawn = one(first)
            total, _ = lax.scan(more, drawn, keys[1:])
        return {n: total[n] / num_draws if Ops.is_real(v) else v for n, v in drawn.items()}

    def mode(site: Any) -> Any:
        categorical = discrete.family(site["fn"])[0] == "categorical"
        return discrete.logits(site["fn"]).argmax(-1) if categorical else None

    return guide_means(look, mode, average, np.asarray)


def ask(pair: Any, ability: str, *batch: NDArray[Any], rng_seed: int = 0) -> NDArray[Any] | None:
    """What a distribution of the model makes, by a method, of data, or of a draw given them.

    None where no distribution of the model has the method.
    """
    arrays, key = tuple(map(jnp.asarray, batch)), random.PRNGKey(rng_seed)
    with evaluating(pair):
        proposed = run(parts(pair)[1], key, arrays).latents
        values = {name: site["value"] for name, site in proposed.items()}
        sites = run(parts(pair)[0], key, arrays, values=values).sites
        for site in sites.values():
            for part in unwrapped(site["fn"]):
                if hasattr(part, ability):
                    return np.asarray(getattr(part, ability)(site["value"]))
    return None
