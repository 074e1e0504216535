"""Weights, evidence, structure and gradients of a pair on NumPyro, for the checker."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from flax import nnx
from jax import lax, random
from numpyro.distributions import biject_to, constraints

from inference.engines.numpyro.compilation import Compiled, kind_of, shared
from inference.engines.numpyro.factors import sources
from inference.engines.numpyro.inspection import describe
from inference.engines.numpyro.keys import as_numpy
from inference.engines.numpyro.pairs import StoredPair, evaluating
from inference.engines.numpyro.parameters import flatten, public_names
from inference.engines.numpyro.precision import for_checks
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.records import (
    Arrays,
    Recorder,
    as_double,
    merged,
    quickly,
)
from inference.engines.numpyro.site_records import log_prob_sum
from inference.program.closures import held_in
from inference.program.distributions import entries, parts_of, ranks_of, sequential_part
from inference.program.network import are_drawn
from inference.program.obstacles import Obstacle
from inference.program.records import (
    Array,
    Parameter,
    Slopes,
    nudge,
    sum_and_size,
)
from inference.program.structure import Structure, can_draw

_STEPS = {True: 1e-8, False: 1e-2}  # of central differences, in float64 and in float32
_ROUNDING = {True: 1e-15, False: 1e-7}


class Probe(Recorder):
    """Runs a pair, and works out what the checks ask of it; the pair stays as it is."""

    def anew(self) -> Probe:
        """A probe that has run nothing; what it would compile again it takes from this one."""
        twin = Probe(self.pair, self.batch)
        twin._compiled = dict(self._compiled)
        twin.constants.held = self.constants.held
        return twin

    def log_weights(
        self, num_particles: int, sets: int, check: Callable[[Structure], None]
    ) -> tuple[Array, Array]:
        """log p - log q of draws of the guide's, per datum.

        Args:
            num_particles: K.
            sets: S.
            check: refuses a structure that has no weights per datum.

        Returns:
            Of S single draws, (S, N), and of S sets of K draws, (S, K, N).
        """

        def run(args: Arrays, params: dict[str, Any], keys: Any) -> Any:
            full = merged(args, self.batch)

            def drawn(key: Any, count: int) -> Any:
                program = NumPyroProgram(key, params, *self.functions, full, {}, check)
                draws = program.draw(count)
                return draws.likelihood_weight(program.structure.training_only)

            # One by one, to be compared with draws under vmap: a callback can mix what vmap cannot.
            single = lax.map(lambda key: drawn(key, 1)[0], keys[1:])
            return single, drawn(keys[0], sets * num_particles)

        with evaluating(self.pair), numpyro.validation_enabled(False):  # as training has them
            compiled = Compiled(run, options=quickly())
            keys = random.split(random.PRNGKey(1), 1 + sets)
            single, many = jax.device_get(compiled(self.given(self.batch), self.values, keys))
        shape = sets, num_particles, -1
        return single.astype(np.float64), many.astype(np.float64).reshape(shape)

    def obstacle(self, structure: Structure) -> Obstacle | None:
        """Why particles go through the pair one by one: they never do, under `vmap`."""
        del structure
        return None

    def entry_densities(
        self, site: str, batch: tuple[Any, ...], values: Mapping[str, Array], inputs: Array
    ) -> list[tuple[Array, Array, Array]]:
        """See `inference.program.instruments.Probe.entry_densities`."""

        def run(args: Arrays, params: dict[str, Any], held: Any, inputs: Any) -> Any:
            made, _ = self._run("model", merged(args, batch), params, held, 0)
            fn, value = made.sites[site]["fn"], made.sites[site]["value"]
            return [
                (
                    ranks_of(law),
                    entries(law.conditionals(inputs)).log_prob(value),
                    law.log_prob(value),
                )
                for law in parts_of(sequential_part(fn))
            ]

        with evaluating(self.pair), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = Compiled(run, options=quickly())
            given = self.given(batch), self.values, dict(values), inputs
            found = jax.device_get(compiled(*given))
        return [(np.asarray(a), np.asarray(b), np.asarray(c)) for a, b, c in found]

    def log_evidence(self) -> Array:
        """The pair's own closed form of log p(x), (N,)."""
        own = self.pair.log_evidence
        with evaluating(self.pair):
            return np.asarray(Compiled(own, options=quickly())(*self.batch))

    def structure(self) -> Structure:
        """Sites and plates of model and guide, as objectives see them."""
        kept: list[Structure] = []

        def run(args: Arrays, params: dict[str, Any]) -> None:
            full = merged(args, self.batch)
            draws = can_draw(self.functions[0])
            guide, _ = self._run("guide", full, params, {}, 0)
            model, _ = self._run("model", full, params, guide.values, 0)
            both = guide.trace, model.trace
            factors = sources(self.functions[0], model.trace, full, {})
            kept.append(describe(*both, full, can_draw=draws, factors=factors))

        with evaluating(self.pair), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax.eval_shape(run, self.given(self.batch), self.values)
        return kept[0]

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the runs so far have asked for, by public name."""
        found = {}
        for name, tree in self.values.items():
            constraint = self.constraints.get(name, constraints.real)
            for public, value in public_names(flatten({name: tree})).items():
                inside = bool(np.all(np.asarray(constraint(value)))) if name in self._own else True
                label = type(constraint).__name__.strip("_").lower()
                found[public] = Parameter(np.asarray(value), label, inside)
        return found

    @property
    def _own(self) -> set[str]:
        """Parameters that are arrays, not networks."""
        return {n for n, value in self.values.items() if not isinstance(value, dict)}

    def unregistered(self, latents: Collection[str]) -> list[str]:
        """See `inference.program.instruments.Probe.unregistered`."""
        leaves = [as_numpy(leaf) for leaf in jax.tree.leaves(self.values)]
        # A fitted pair's networks have the values with which they began, but their own shapes.
        same = _same_shape if isinstance(self.pair, StoredPair) else _same
        missing = []
        for name, value in held_in(self.pair, nnx.Module).items():
            params = nnx.to_flat_state(nnx.state(value, nnx.Param))
            own = {".".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in params}
            known = [any(same(array, leaf) for leaf in leaves) for array in own.values()]
            if own and not any(known) and not are_drawn(own, latents):
                missing.append(name)
        return missing

    def frozen(self) -> list[str]:
        """Parameters that are set to stay as they are: nothing in NumPyro is."""
        return []

    def without_gradients(self, part: str) -> set[str]:
        """Parameters that are used only where gradients are switched off: JAX has no such place."""
        del part
        return set()

    def children_left_out(self, unused: Collection[str]) -> set[str]:
        """None: what a NumPyro program registers is a network, not the object of its methods."""
        del unused
        return set()

    def networks_used(self, names: Collection[str]) -> tuple[set[str], set[str]]:
        """Of networks that the pair holds those that it uses with gradients, and without."""
        return set(names), set()

    def slopes(
        self,
        which: str,
        values: Mapping[str, Array],
        along: Collection[str],
        *,
        rng_seed: int = 0,
        shift: float = 0.1,
        double: bool = True,
    ) -> Slopes:
        """Gradient of a log density by all parameters, near their present values.

        Args:
            which: `"model"`, log p at fixed latents; `"guide"`, log q at fixed latents; `"path"`,
                log p - log q at the guide's draws, as they move with its parameters; `"draw"`, a
                sum of what a model that observes nothing shows.
            values: the latents.
            along: public names of the parameters that the random direction moves.
            rng_seed: seed of the draws and of the direction.
            shift: how far to go from the present values, so that nothing is at a special point.
            double: whether to compute in float64.
        """
        noise = np.random.default_rng(rng_seed)

        def density(leaves: list[Any], args: Arrays, held: dict[str, Any]) -> Any:
            params = constrain(jax.tree.unflatten(tree, leaves))
            return self._density(which, merged(args, self.batch), params, held, rng_seed)

        with for_checks(double=double), evaluating(self.pair), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            free, constrain = self._free()
            leaves, tree = jax.tree.flatten(free)
            leaves = [leaf + shift * nudge(noise, leaf.shape) for leaf in leaves]
            moving = [set(public_names({path: None})) <= set(along) for path in flatten(free)]
            direction = [
                nudge(noise, leaf.shape) * moves for leaf, moves in zip(leaves, moving, strict=True)
            ]
            given = jax.tree.map(as_double, (self.given(self.batch), dict(values)))
            staged = jax.jit(jax.value_and_grad(density), compiler_options=quickly()).trace(
                leaves, *given
            )
            precise = double and "float32" not in str(staged.jaxpr)  # of the pair's own code
            compiled = shared(staged, quickly(), kind_of((leaves, *given)))
            start, slopes = jax.device_get(compiled(leaves, *given))
            ends, step = [], _STEPS[precise]
            for sign in (1, -1):
                moved = [a + sign * step * b for a, b in zip(leaves, direction, strict=True)]
                ends.append(float(compiled(moved, *given)[0]))
        total, size = sum_and_size(map(np.asarray, slopes), direction)
        named = public_names(flatten(jax.tree.unflatten(tree, slopes)))
        return Slopes(
            gradient={name: np.asarray(slope) for name, slope in named.items()},
            along=total,
            difference=(ends[0] - ends[1]) / (2 * step),
            size=size,
            rounding=_ROUNDING[precise] * (1 + abs(float(start))) / step,
            precise=precise,
        )

    def _density(
        self, which: str, args: Any, params: Any, values: Mapping[str, Any], rng_seed: int
    ) -> Any:
        if which == "draw":
            run, _ = self._run("model", args, params, {}, rng_seed)
            return _shown(run.computed, run.returned)
        if which != "path":
            run, _ = self._run(which, args, params, values, rng_seed)
            return log_prob_sum(run.sites)
        guide, _ = self._run("guide", args, params, {}, rng_seed)
        model, _ = self._run("model", args, params, guide.values, rng_seed)
        return log_prob_sum(model.sites) - log_prob_sum(guide.sites)

    def _free(self) -> tuple[dict[str, Any], Callable[[Any], Any]]:
        """Parameters in unconstrained space, in float64, and the way back."""
        state = {n: v for n, v in self.values.items() if n not in self.constraints}
        maps = {n: biject_to(c) for n, c in self.constraints.items()}
        free = {
            name: transform.inv(value) if name in self._own else value
            for name, transform in maps.items()
            for value in [as_double(self.values[name])]
        }

        def constrain(free: dict[str, Any]) -> dict[str, Any]:
            back = {n: maps[n](v) if n in self._own else v for n, v in free.items()}
            return {**jax.tree.map(jnp.asarray, as_double(state)), **back}

        return free, constrain


def _shown(values: Mapping[str, Any], returned: Any) -> Any:
    """A sum, with weights that differ, of what a model returns and of what it computes by name."""
    total: Any = 0.0
    for value in (*values.values(), returned):
        if hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating):
            weights = jnp.cos(jnp.arange(1, value.size + 1, dtype=value.dtype))
            total = total + (jnp.ravel(value) * weights).sum()
    return jnp.asarray(total)


def _same(array: Array, other: Array) -> bool:
    return array.shape == other.shape and bool(np.array_equal(array, other))


def _same_shape(array: Array, other: Array) -> bool:
    return array.shape == other.shape
