"""Chains of a density that is known up to a constant, at all temperatures, on NumPyro."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.energies import chain
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.traces import run
from inference.program.distributions import innermost
from inference.program.energies import (
    can_hold,
    check_one_kernel,
    check_tempered,
    log_constant,
    shape_of_bits,
    step_around,
)

_AT_ONCE = 2000  # temperatures of one call


class Tempering:
    """A pair's density without its constant, between a base and itself.

    See `inference.program.instruments.Tempering`.
    """

    def __init__(self, pair: Any) -> None:
        self.pair = pair
        self.values = pair.values if isinstance(pair, StoredPair) else {}
        self.model = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)[0]
        self.name, self.holds, self.bits, self.normalised = "", False, None, False
        self.conditional = False
        jax.eval_shape(self._law, self.values)
        self._compiled: dict[str, Any] = {}  # by the kind of base

    def log_partition(self) -> float:
        """See `inference.program.instruments.Tempering`."""
        return float(self._called(lambda values: log_constant(self.name, self._law(values))))

    def base_log_partition(self, base: Any) -> float:
        """See `inference.program.instruments.Tempering`."""

        def constant(values: Any) -> Array:
            law = self._law(values)
            check_tempered(self.name, law)
            return law.base(base).log_partition()

        return float(self._called(constant))

    def begin(self, base: Any, rows: int, rng_seed: int) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        key = random.PRNGKey(rng_seed)
        return self._called(lambda values: self._law(values).base(base).sample(key, (rows,)))

    def draw(self, rows: int, rng_seed: int) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        key = random.PRNGKey(rng_seed)
        return self._called(lambda values: self._law(values).sample(key, (rows,)))

    def move(
        self, value: NDArray[Any], steps: int, rng_seed: int, beta: float | None = None
    ) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        key, begun = random.PRNGKey(rng_seed), jnp.asarray(value)
        return self._called(lambda values: chain(self._at(values, beta), begun, steps, key))

    def complete(
        self, value: NDArray[Any], held: NDArray[np.bool_], steps: int, rng_seed: int
    ) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        key = random.PRNGKey(rng_seed)

        def clamped(values: Any) -> Array:
            step = step_around(self._law(values), jnp.asarray(held), jnp.where)

            def numbered(number: Any, now: Array) -> Array:
                return step(now, random.fold_in(key, number))

            return lax.fori_loop(0, steps, numbered, jnp.asarray(value))

        return self._called(clamped)

    def log_density(self, value: NDArray[Any], beta: float | None = None) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        found = self._called(lambda values: self._at(values, beta).log_prob(jnp.asarray(value)))
        return found.astype(np.float64)

    def log_conditionals(self, value: NDArray[Any]) -> NDArray[np.float64] | None:
        """See `inference.program.instruments.Tempering`."""
        if not self.conditional:
            return None
        state = jnp.asarray(value)
        found = self._called(lambda values: self._law(values).log_conditionals(state))
        return found.astype(np.float64)

    def ends(self, value: NDArray[Any], base: Any) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""

        def scored(values: Any) -> Array:
            law, state = self._law(values), jnp.asarray(value)
            start = law.base(base)
            laws = (start, *(law.tempered(end, start) for end in (0.0, 1.0)), law)
            return jnp.stack([each.log_prob(state) for each in laws])

        return self._called(scored).astype(np.float64)

    def anneal(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        parts = self._annealed(value, base, betas, rng_seed)
        return sum(np.asarray(log_w, np.float64) for log_w, _ in parts)  # pyright: ignore[reportReturnType]

    def increments(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        parts = self._annealed(value, base, betas, rng_seed)
        return np.concatenate([np.asarray(added, np.float64) for _, added in parts])

    def _annealed(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> Iterator[tuple[Array, Array]]:
        """Log weights, and what was added to them, of some temperatures after others."""
        at = value if isinstance(base, str) else np.asarray(base)
        kind = base if isinstance(base, str) else ""
        dtype = jnp.result_type(float)
        with self._running():
            for number, first in enumerate(range(0, len(betas) - 1, _AT_ONCE)):
                part = np.asarray(betas[first : first + _AT_ONCE + 1], dtype)
                key = random.fold_in(random.PRNGKey(rng_seed), number)
                value, *found = self._jitted(kind)(self.values, value, at, part, key)
                yield found[0], found[1]

    def _jitted(self, kind: str) -> Any:
        if kind not in self._compiled:
            self._compiled[kind] = Compiled(functools.partial(self._anneal, kind))
        return self._compiled[kind]

    def _anneal(
        self, kind: str, values: Any, value: Array, means: Array, betas: Array, key: Array
    ) -> tuple[Array, Array, Array]:
        law = self._law(values)
        base = law.base(kind or means)

        def step(carry: tuple[Array, Array], inputs: Any) -> tuple[tuple[Array, Array], Array]:
            value, log_w = carry
            before, after, number = inputs
            law_before, law_after = law.tempered(before, base), law.tempered(after, base)
            added = law_after.log_prob(value) - law_before.log_prob(value)
            moved = law_after.transition(value, random.fold_in(key, number))
            return (moved, log_w + added), jnp.stack([added.mean(), added.std()])

        start = jnp.asarray(value), jnp.zeros(len(value), betas.dtype)
        steps = betas[:-1], betas[1:], jnp.arange(len(betas) - 1)
        (value, log_w), added = lax.scan(step, start, steps)
        return value, log_w, added

    def _at(self, values: Any, beta: float | None) -> Any:
        """The law, or the one of a temperature."""
        law = self._law(values)
        if beta is None:
            return law
        check_tempered(self.name, law)
        return law.tempered(beta, law.base("data"))

    def _law(self, values: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = run(self.model, random.PRNGKey(0), (None,), params=values, size=1)
        self.name = check_one_kernel({n: innermost(s["fn"]) for n, s in made.sites.items()})
        law = innermost(made.sites[self.name]["fn"])
        self.holds, self.bits = can_hold(law), shape_of_bits(law)
        self.normalised = getattr(law, "normalised", True)
        self.conditional = hasattr(law, "log_conditionals")
        return law

    def _called(self, function: Any) -> NDArray[Any]:
        with self._running():
            return np.asarray(Compiled(function)(self.values))

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """The pair in evaluation mode, without checks of values."""
        with evaluating(self.pair), numpyro.validation_enabled(False):
            yield
