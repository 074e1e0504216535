"""Densities that are known up to a constant on NumPyro: scored anywhere, and drawn by chains."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array, lax, random

from inference.engines.numpyro.frames import density
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.pairs import StoredPair, parts
from inference.engines.numpyro.passes import Passes
from inference.engines.numpyro.traces import Run, run
from inference.program.distributions import innermost
from inference.program.energies import Given, check_named, check_noise, drawn_noise, given_by

_UNROLLED = 4  # steps of a chain that are written out, so that they share what they compute


class Energies(Passes):
    """What a program offers of densities up to a constant; see `Program`."""

    def log_joint(self, values: Mapping[str, Array]) -> Array:
        """See `inference.program.program.Program.log_joint`."""
        sites = self._sites(values)
        rows = len(next(iter(values.values())))
        terms = [density(sites[name]) for name in values]
        return sum((term.reshape(rows, -1).sum(1) for term in terms), start=jnp.zeros(()))

    def transition(
        self, values: Mapping[str, Array], steps: int, *, beta: float = 1.0
    ) -> dict[str, Array]:
        """See `inference.program.program.Program.transition`."""
        held = lax.stop_gradient(dict(values))
        sites, key = self._sites(held, frozen=True), self.next_key(1)
        moved = {}
        for number, name in enumerate(sorted(held)):
            law = innermost(sites[name]["fn"])
            if not hasattr(law, "transition"):
                continue
            plain = isinstance(beta, (int, float)) and beta == 1
            law = law if plain else law.tempered(beta, law.base())
            moved[name] = chain(law, held[name], steps, random.fold_in(key, number))
        if len(moved) < len(held):
            below = self._sites(moved, frozen=True)
            moved |= {name: below[name]["value"] for name in held if name not in moved}
        return lax.stop_gradient(moved)

    def site(self, name: str, values: Mapping[str, Array] | None = None) -> Any:
        """See `inference.program.program.Program.site`."""
        given = given_by(self.structure, self.args, values or {"": self.args[0]}, jnp.resize)
        made = self._run(given, frozen=False)
        check_named(name, made.sites, made.computed)
        return made.computed[name] if name in made.computed else innermost(made.sites[name]["fn"])

    def other(self, pair: Any, rows: int) -> tuple[Array, Callable[[Any], Array]]:
        """See `inference.program.program.Program.other`."""
        stored = isinstance(pair, StoredPair)
        model = parts(pair.wrapped if stored else pair)[0]
        params, key = pair.values if stored else {}, self.next_key(1)

        def draw() -> Run:
            return run(model, key, (None,), params=params, size=rows)

        made = drawn_noise(pair, "numpyro", draw)
        check_noise(self.structure, self.args[0], made.sites)
        ((name, site),) = made.sites.items()

        def log_prob(values: Array) -> Array:
            return density(run(model, key, (values,), params=params).sites[name])

        return lax.stop_gradient(site["value"]), log_prob

    def _sites(self, values: Mapping[str, Array], *, frozen: bool = False) -> dict[str, Any]:
        """The sites of a run of the model at some values."""
        given = given_by(self.structure, self.args, values, jnp.resize)
        return self._run(given, frozen=frozen).sites

    def _run(self, given: Given, *, frozen: bool) -> Run:
        params = {name: value for name, value in self.params.items() if name not in self.rows}
        params = lax.stop_gradient(params) if frozen else params
        steer = functools.partial(Steer, values=given.latents)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run(
                self.model,
                self.next_key(1),
                given.args,
                self.kwargs,
                params=params,
                steer=steer,
                size=given.size,
            )


def chain(law: Any, value: Any, steps: int, key: Array) -> Array:
    """Where chains of a law's kernel are after some steps; each step has a key of its own."""

    def step(number: Any, value: Array) -> Array:
        return law.transition(value, random.fold_in(key, number))

    if steps <= _UNROLLED:
        for number in range(steps):
            value = step(number, value)
        return value
    return lax.fori_loop(0, steps, step, value)
