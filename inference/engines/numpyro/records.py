"""Runs of a pair on NumPyro that leave a record."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from numpyro.distributions import constraints

from inference.engines.numpyro.compilation import Compiled, traced
from inference.engines.numpyro.constants import Constants
from inference.engines.numpyro.copies import untouched_parts
from inference.engines.numpyro.frames import density
from inference.engines.numpyro.inspection import describe
from inference.engines.numpyro.keys import is_key
from inference.engines.numpyro.pairs import StoredPair, evaluating
from inference.engines.numpyro.parameters import flatten, public_names
from inference.engines.numpyro.precision import for_checks
from inference.engines.numpyro.row_mixing import may_mix
from inference.engines.numpyro.site_records import (
    Lines,
    arrays_of,
    distribution_name,
    in_numpy,
)
from inference.engines.numpyro.sketch import keeps_nothing
from inference.engines.numpyro.tempering import Tempering
from inference.engines.numpyro.traces import Run, run
from inference.program.batches import Batch
from inference.program.records import (
    Array,
    Recorded,
    RecordedSite,
    hearing,
)
from inference.program.sites import Site

Arrays = dict[int, Any]

# What is run once is not worth optimising; these take a third of the usual time to compile.
_QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


@functools.cache
def quickly() -> dict[str, int]:
    """Options with which programs compile soon: those that this release of jax knows."""
    if _compiles(_QUICKLY):
        return dict(_QUICKLY)
    return {name: value for name, value in _QUICKLY.items() if _compiles({name: value})}


def _compiles(options: Mapping[str, int]) -> bool:
    try:
        jax.jit(lambda: jnp.zeros(()), compiler_options=dict(options))()
    except jax.errors.JaxRuntimeError:  # no such option
        return False
    return True


class Recorder:
    """Runs a pair and records what it does; the pair stays as it is.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        batch: some rows of data; it decides the initial values of the parameters.
    """

    def __init__(self, pair: Any, batch: tuple[Any, ...]) -> None:
        stored = isinstance(pair, StoredPair)
        self.pair = pair
        self.functions = untouched_parts(pair.wrapped if stored else pair)
        self.batch = batch
        self.values: dict[str, Any] = dict(pair.values) if stored else {}
        self.constraints: dict[str, Any] = {}
        self.constants = Constants(whole=True)
        self._compiled: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._asked: dict[str, set[str]] = {}

    def tempering(self) -> Tempering:
        """What moves by the kernel of the copy that is run here."""
        return Tempering(self.pair)

    def record(
        self,
        part: str,
        batch: tuple[Any, ...],
        values: Mapping[str, Array] | None = None,
        *,
        rng_seed: int = 0,
        size: int | None = None,
        double: bool = False,
        fresh: bool = False,
    ) -> Recorded:
        """Run the model or the guide once.

        Args:
            part: `"model"` or `"guide"`.
            batch: what it is called with.
            values: latents at values.
            rng_seed: seed of the draws.
            size: let the model draw so many rows in place of the batch's first array.
            double: whether to compute in float64.
            fresh: whether to run the Python code again where a compiled program of it is known.
        """

        def work() -> Recorded:
            return self._recorded(part, batch, values, rng_seed, size, double=double, fresh=fresh)

        return self.constants.trying(work)

    def _recorded(
        self,
        part: str,
        batch: tuple[Any, ...],
        values: Mapping[str, Array] | None,
        rng_seed: int,
        size: int | None,
        *,
        double: bool,
        fresh: bool,
    ) -> Recorded:
        arrays, held = self.given(batch), dict(values or {})
        shapes = [(n, np.shape(a), str(a.dtype)) for n, a in [*arrays.items(), *held.items()]]
        key = str((part, shapes, size, double))
        if self.constants.held:
            key += Batch.of(tuple(by_position(batch).values())).digest()
            batch = tuple(as_double(batch)) if double else batch
        with (
            evaluating(self.pair),
            for_checks(double=double),
            hearing() as heard,
        ):
            params = self._begin(part, arrays, held, batch, rng_seed)
            given = jax.tree.map(as_double if double else np.asarray, (arrays, params, held))
            if fresh or key not in self._compiled:
                self._compile(key, part, batch, size, (*given, rng_seed))
            compiled, kept = self._compiled[key]
            found = jax.device_get(compiled(*given, rng_seed))
        return Recorded(
            sites={
                name: RecordedSite(
                    site=site,
                    distribution=kept["names"][name],
                    line=kept["lines"].get(name, ""),
                    stepped=name in kept["steps"],
                    **in_numpy(found["sites"][name]),
                )
                for name, site in kept["sites"].items()
            },
            parameters=self._named(kept["asked"]),
            lent=frozenset(self._named(kept["lent"])),
            computed=found["computed"],
            returned=found["returned"],
            warnings=heard.warnings,
            asides=heard.asides,
            noisy=kept["noisy"],
            learning=any(
                not np.array_equal(now, was)
                for name, state in found["state"].items()
                for now, was in zip(*map(jax.tree.leaves, (state, params[name])), strict=True)
            ),
        )

    def may_mix_rows(self, latents: Iterable[Site], rows: int) -> bool:
        """Whether a latent of one row may change the model's density of another."""
        kinds = {site.name: jnp.int32 if site.discrete else jnp.float32 for site in latents}
        held = {s.name: jnp.zeros(s.batch_shape + s.event_shape, kinds[s.name]) for s in latents}

        def densities(held: dict[str, Any]) -> list[Any]:
            made, _ = self._run("model", _as_jax(self.batch), self.values, held, 0)
            return [density(site) for site in made.sites.values()]

        try:
            with evaluating(self.pair):
                return may_mix(densities, held, rows)
        except Exception:  # one that needs numbers, or whatever it is: not known
            return True

    def _named(self, sites: tuple[str, ...]) -> tuple[str, ...]:
        """Public names of the parameters at parameter sites."""
        values = ({name: self.values[name]} for name in sites)
        return tuple(public for each in values for public in public_names(flatten(each)))

    def given(self, batch: tuple[Any, ...]) -> Arrays:
        """What a compiled function takes of a batch: nothing where its data are compiled in."""
        return {} if self.constants.held else by_position(batch)

    def _compile(
        self, key: str, part: str, batch: tuple[Any, ...], size: int | None, given: tuple[Any, ...]
    ) -> None:
        """Compile a run to the arrays of a record, unless it is a program that is known."""
        kept: dict[str, Any] = {}

        def recorded(
            args: Arrays, params: dict[str, Any], held: dict[str, Any], rng_seed: Any
        ) -> dict[str, Any]:
            full = merged(args, batch)
            made, lines = self._run(part, full, params, held, rng_seed, size)
            traced, returned = made.trace, made.returned
            kept["sites"] = describe(traced, {}, full, can_draw=False).guide
            kept["lines"], kept["steps"], kept["noisy"] = lines.found, lines.steps, lines.noisy
            kept["lent"] = tuple(lines.lent)
            kept["names"] = {n: distribution_name(traced[n]["fn"]) for n in kept["sites"]}
            kept["asked"] = tuple(n for n, site in traced.items() if site["type"] == "param")
            return {
                "sites": {n: arrays_of(traced[n], lines.found.get(n, "")) for n in kept["sites"]},
                "computed": made.computed,
                "returned": returned if isinstance(returned, jax.Array) else None,
                "state": {n: s["value"] for n, s in traced.items() if s["type"] == "mutable"},
            }

        self._compiled[key] = traced(recorded, given, options=quickly()), kept

    def _begin(
        self,
        part: str,
        arrays: Arrays,
        held: dict[str, Any],
        batch: tuple[Any, ...],
        rng_seed: int,
    ) -> dict[str, Any]:
        """The values of the parameters that a part asks for; later runs start from the same."""
        if part not in self._asked:

            def begun(args: Arrays, params: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
                made, _ = self._run(part, merged(args, batch), params, held, rng_seed)
                for name, site in made.trace.items():
                    if site["type"] == "param":
                        given = site["kwargs"].get("constraint", constraints.real)
                        self.constraints[name] = given
                return made.parameters

            with jax.enable_x64(False):
                if not keeps_nothing(self.functions[0 if part == "model" else 1]):
                    # What it makes in its first run, as autoguides do, and keeps, would be a
                    # compiled function's, and lost.
                    with contextlib.suppress(Exception):  # which the run below meets, too
                        self._run(part, _as_jax(batch), self.values, held, rng_seed)
                compiled = Compiled(begun, options=quickly())
                found = jax.device_get(compiled(arrays, self.values, held))
            for name, value in found.items():
                self.values.setdefault(name, value)
            self._asked[part] = set(found)
        return {n: v for n, v in self.values.items() if n in self._asked[part]}

    def _run(
        self,
        part: str,
        args: tuple[Any, ...],
        params: Mapping[str, Any],
        values: Mapping[str, Any],
        rng_seed: Any,
        size: int | None = None,
    ) -> tuple[Run, Lines]:
        lines = Lines(self.functions[0 if part == "model" else 1])
        # Inside of a scan only what is substituted is held.
        held, key = {**params, **values}, random.PRNGKey(rng_seed)
        return run(lines, key, args, params=held, values=values, size=size), lines


def by_position(batch: tuple[Any, ...]) -> Arrays:
    """The arrays of a batch by position: what a compiled function takes."""
    return {n: value for n, value in enumerate(batch) if isinstance(value, np.ndarray)}


def _as_jax(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(jnp.asarray(v) if isinstance(v, np.ndarray) else v for v in batch)


def merged(arrays: Arrays, batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """The batch with these arrays in place of its own."""
    return tuple(arrays.get(n, value) for n, value in enumerate(batch))


def as_double(tree: Any) -> Any:
    """Real arrays in float64. In numpy, since jax would compile a conversion for each shape."""

    def double(leaf: Any) -> Any:
        if is_key(leaf):
            return leaf
        array = np.asarray(leaf)
        return array.astype(np.float64) if array.dtype == np.float32 else array

    return jax.tree.map(double, tree)
