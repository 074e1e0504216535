"""Gibbs sampling of discrete latents on NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.frames import density
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.parameters import flatten, public_names
from inference.engines.numpyro.traces import Run, run, scale_of
from inference.program.chains import Chains
from inference.program.discrete_states import (
    Entries,
    check_energies,
    entries_of,
    statistics_of,
)
from inference.program.posterior_scores import propose_nothing
from inference.program.structure import Structure

Values = dict[str, Array]


def gibbs(
    pair: Any,
    check: Callable[[Structure], None],
    batch: tuple[NDArray[Any], ...],
    *,
    num_warmup: int,
    num_samples: int,
    num_chains: int,
    rng_seed: int,
) -> Chains:
    """Chains of single-entry Gibbs sweeps over the discrete latents of a model.

    Args:
        pair: the pair; its guide is not used.
        check: refuses a structure.
        batch: the data.
        num_warmup: sweeps of each chain that are dropped.
        num_samples: sweeps of each chain that are kept.
        num_chains: how many, run side by side.
        rng_seed: seed of starting points and moves.

    Raises:
        ObjectiveError: naming a latent whose entries do not have finitely many states.
    """
    values = pair.values if isinstance(pair, StoredPair) else {}
    model = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)[0]
    rows = tuple(map(jnp.asarray, batch))
    with evaluating(pair), numpyro.validation_enabled(False):
        structure = inspect(model, propose_nothing, rows, {})
        check(structure)
        begun = run(model, random.PRNGKey(0), rows, params=values)
        laws = {name: site["fn"] for name, site in begun.latents.items()}
        sweeps = Sweeps(model, values, rows, structure, entries_of(structure, laws, "Gibbs"))

        def chain(key: Array) -> tuple[Values, Values, Array]:
            start, warm, kept = random.split(key, 3)
            first = run(model, start, rows, params=values).values

            def step(latents: Values, key: Array) -> tuple[Values, None]:
                return sweeps.sweep(latents, key), None

            def keep(latents: Values, key: Array) -> tuple[Values, tuple[Values, Values, Array]]:
                latents = sweeps.sweep(latents, key)
                made = sweeps.at(latents)
                return latents, (latents, made.computed, sweeps.total(made))

            latents, _ = lax.scan(step, first, random.split(warm, num_warmup))
            return lax.scan(keep, latents, random.split(kept, num_samples))[1]

        keys = random.split(random.PRNGKey(rng_seed), num_chains)
        latents, computed, total = jax.device_get(Compiled(jax.vmap(chain))(keys))
    check_energies(-total)
    return Chains(
        draws={**latents, **computed},
        statistics=statistics_of(-total, sweeps.entries),
        held=tuple(public_names(flatten(begun.parameters))),
        summed=(),
    )


class Sweeps:
    """Moves of a model's latents, one entry after another.

    Args:
        model: the model.
        values: its parameters.
        rows: the data.
        structure: sites and plates.
        entries: the latents.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        values: Any,
        rows: tuple[Array, ...],
        structure: Structure,
        entries: list[Entries],
    ) -> None:
        self.model, self.values, self.rows, self.entries = model, values, rows, entries
        plates = structure.nested.shared_plates
        self.dims = tuple(plate.dim for plate in plates)
        self.of_data = {n for n, site in structure.model.items() if site.plates >= set(plates)}

    def at(self, latents: Values) -> Run:
        """A run of the model."""
        key = random.PRNGKey(0)  # of nothing that counts: all latents have values
        return run(self.model, key, self.rows, params=self.values, values=latents)

    def total(self, made: Run) -> Array:
        """log p(x, z) of all data together."""
        terms = [(density(site) * scale_of(site)).sum() for site in made.sites.values()]
        return sum(terms, start=jnp.zeros(()))

    def by_datum(self, made: Run) -> Array:
        """log p(x, z) of each datum given what all data share, (N,)."""
        sites = made.sites
        terms = [self._summed(density(sites[n]) * scale_of(sites[n])) for n in self.of_data]
        return sum(terms, start=jnp.zeros(()))

    def sweep(self, latents: Values, key: Array) -> Values:
        """Every entry drawn anew given all others."""
        for place, entries in enumerate(self.entries):
            own = random.fold_in(key, place)

            def move(
                number: Any, latents: Values, entries: Any = entries, own: Any = own
            ) -> Values:
                return self._move(latents, entries, number, random.fold_in(own, number))

            latents = lax.fori_loop(0, entries.count, move, latents)
        return latents

    def _move(self, latents: Values, entries: Entries, number: Any, key: Array) -> Values:
        value = latents[entries.name]
        here = jnp.asarray(entries.numbers) == number
        states = jnp.asarray(entries.states, value.dtype)
        score = self.by_datum if entries.local else self.total

        def scored(state: Array) -> Array:
            return score(self.at({**latents, entries.name: jnp.where(here, state, value)}))

        scores = jax.vmap(scored)(states)
        scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
        chosen = states[random.categorical(key, scores, axis=0)]
        moved = jnp.where(here, chosen.reshape(entries.spread), value)
        return {**latents, entries.name: moved}

    def _summed(self, terms: Array) -> Array:
        """Over all plates but the data's."""
        rank = max([jnp.ndim(terms), *(-dim for dim in self.dims)])
        terms = jnp.reshape(terms, (1,) * (rank - jnp.ndim(terms)) + jnp.shape(terms))
        kept = {dim % rank for dim in self.dims}
        return terms.sum(tuple(dim for dim in range(rank) if dim not in kept)).reshape(-1)
