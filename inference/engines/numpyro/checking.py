"""Runs of a pair on NumPyro that leave a record: what the checker looks at."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax, random
from numpyro.distributions import biject_to, constraints
from numpyro.handlers import seed, substitute, trace
from numpyro.infer.autoguide import AutoGuide
from numpyro.primitives import Messenger

from inference.engines.closed_over import objects_of
from inference.engines.numpyro.pairs import (
    StoredPair,
    evaluating,
    flatten,
    public_names,
    untouched_parts,
)
from inference.engines.numpyro.program import NumPyroProgram, describe
from inference.engines.numpyro.steer import Steer
from inference.engines.recorded import (
    Array,
    Parameter,
    Recorded,
    RecordedSite,
    Slopes,
    calling_line,
    nudge,
    sum_and_size,
)
from inference.engines.structure import Structure, can_draw

Arrays = dict[int, Any]

_STEPS = {True: 1e-8, False: 1e-2}  # of central differences, in float64 and in float32
_ROUNDING = {True: 1e-15, False: 1e-7}
# What is run once is not worth optimising; these take a third of the usual time to compile.
_QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


class Probe:
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
        self._compiled: dict[str, tuple[Any, dict[str, Any], str]] = {}
        self._asked: dict[str, set[str]] = {}

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
        arrays, held = _arrays(batch), dict(values or {})
        shapes = [(n, np.shape(a), str(a.dtype)) for n, a in [*arrays.items(), *held.items()]]
        key = str((part, shapes, size, double))
        with (
            evaluating(self.pair),
            jax.enable_x64(double),
            warnings.catch_warnings(record=True) as heard,
        ):
            warnings.simplefilter("always")
            params = self._begin(part, arrays, batch, rng_seed)
            given = jax.tree.map(_as_double if double else np.asarray, (arrays, params, held))
            if fresh or key not in self._compiled:
                self._compile(key, part, batch, size, (*given, rng_seed))
            run, kept, _ = self._compiled[key]
            found = jax.device_get(run(*given, rng_seed))
        return Recorded(
            sites={
                name: RecordedSite(
                    site=site,
                    distribution=kept["names"][name],
                    line=kept["lines"].get(name, ""),
                    stepped=name in kept["steps"],
                    **_in_numpy(found["sites"][name]),
                )
                for name, site in kept["sites"].items()
            },
            parameters=tuple(
                public
                for name in kept["asked"]
                for public in public_names(flatten({name: self.values[name]}))
            ),
            returned=found["returned"],
            warnings=tuple(dict.fromkeys(str(each.message) for each in heard)),
            noisy=kept["noisy"],
            learning=any(
                not np.array_equal(now, was)
                for name, state in found["state"].items()
                for now, was in zip(*map(jax.tree.leaves, (state, params[name])), strict=True)
            ),
        )

    def _compile(
        self, key: str, part: str, batch: tuple[Any, ...], size: int | None, given: tuple[Any, ...]
    ) -> None:
        """Compile a run to the arrays of a record, unless it is the program that is known."""
        kept: dict[str, Any] = {}

        def run(
            args: Arrays, params: dict[str, Any], held: dict[str, Any], rng_seed: Any
        ) -> dict[str, Any]:
            full = _merged(args, batch)
            traced, lines, returned = self._trace(part, full, params, held, rng_seed, size)
            kept["sites"] = describe(traced, {}, full, can_draw=False).guide
            kept["lines"], kept["steps"], kept["noisy"] = lines.found, lines.steps, lines.noisy
            kept["names"] = {n: _distribution(traced[n]["fn"]) for n in kept["sites"]}
            kept["asked"] = tuple(n for n, site in traced.items() if site["type"] == "param")
            return {
                "sites": {n: _arrays_of(traced[n]) for n in kept["sites"]},
                "returned": returned if isinstance(returned, jax.Array) else None,
                "state": {n: s["value"] for n, s in traced.items() if s["type"] == "mutable"},
            }

        staged = jax.jit(run, compiler_options=_QUICKLY).trace(*given)
        constants = jax.tree.map(np.asarray, staged.jaxpr.consts)
        program = re.sub("0x[0-9a-f]+", "", str(staged.jaxpr)) + str(constants)
        if key not in self._compiled or self._compiled[key][2] != program:
            self._compiled[key] = (staged.lower().compile(), kept, program)

    def _begin(
        self, part: str, arrays: Arrays, batch: tuple[Any, ...], rng_seed: int
    ) -> dict[str, Any]:
        """The values of the parameters that a part asks for; later runs start from the same."""
        if part not in self._asked:

            def run(args: Arrays, params: dict[str, Any]) -> dict[str, Any]:
                traced, *_ = self._trace(part, _merged(args, batch), params, {}, rng_seed)
                for name, site in traced.items():
                    if site["type"] == "param":
                        given = site["kwargs"].get("constraint", constraints.real)
                        self.constraints[name] = given
                return {
                    n: site["value"]
                    for n, site in traced.items()
                    if site["type"] in ("param", "mutable")
                }

            with jax.enable_x64(False):
                if part == "guide" and isinstance(self.functions[1], AutoGuide):
                    # What it makes for its first run would be a compiled function's, and lost.
                    seed(self.functions[1], random.PRNGKey(rng_seed))(*_as_jax(batch))
                compiled = jax.jit(run, compiler_options=_QUICKLY)
                found = jax.device_get(compiled(arrays, self.values))
            for name, value in found.items():
                self.values.setdefault(name, value)
            self._asked[part] = set(found)
        return {n: v for n, v in self.values.items() if n in self._asked[part]}

    def anew(self) -> Probe:
        """A probe that has run nothing; what it would compile again it takes from this one."""
        twin = Probe(self.pair, self.batch)
        twin._compiled = dict(self._compiled)
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
            full = _merged(args, self.batch)

            def drawn(key: Any, count: int) -> Any:
                program = NumPyroProgram(key, params, *self.functions, full, {}, check)
                draws = program.draw(count)
                return draws.likelihood_weight(program.structure.training_only)

            # One by one, to be compared with draws under vmap: a callback can mix what vmap cannot.
            single = lax.map(lambda key: drawn(key, 1)[0], keys[1:])
            return single, drawn(keys[0], sets * num_particles)

        with evaluating(self.pair):
            compiled = jax.jit(run, compiler_options=_QUICKLY)
            keys = random.split(random.PRNGKey(1), 1 + sets)
            single, many = jax.device_get(compiled(_arrays(self.batch), self.values, keys))
        shape = sets, num_particles, -1
        return single.astype(np.float64), many.astype(np.float64).reshape(shape)

    def log_evidence(self) -> Array:
        """The pair's own closed form of log p(x), (N,)."""
        own = self.pair.log_evidence
        with evaluating(self.pair):
            return np.asarray(jax.jit(own, compiler_options=_QUICKLY)(*self.batch))

    def structure(self) -> Structure:
        """Sites and plates of model and guide, as objectives see them."""
        kept: list[Structure] = []

        def run(args: Arrays, params: dict[str, Any]) -> None:
            full = _merged(args, self.batch)
            draws = can_draw(self.functions[0])
            guide, *_ = self._trace("guide", full, params, {}, 0)
            model, *_ = self._trace("model", full, params, _drawn(guide), 0)
            kept.append(describe(guide, model, full, can_draw=draws))

        with evaluating(self.pair), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jax.eval_shape(run, _arrays(self.batch), self.values)
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

    def unregistered(self) -> list[str]:
        """Networks that the pair holds, and of which no parameter was asked for."""
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(self.values)]
        missing = []
        for name, value in objects_of(self.pair).items():
            if not isinstance(value, nnx.Module):
                continue
            own = [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(value, nnx.Param))]
            known = [any(_same(array, leaf) for leaf in leaves) for array in own]
            if own and not any(known):
                missing.append(name)
        return missing

    def frozen(self) -> list[str]:
        """Parameters that are set to stay as they are: nothing in NumPyro is."""
        return []

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
                log p - log q at the guide's draws, as they move with its parameters.
            values: the latents.
            along: public names of the parameters that the random direction moves.
            rng_seed: seed of the draws and of the direction.
            shift: how far to go from the present values, so that nothing is at a special point.
            double: whether to compute in float64.
        """
        noise = np.random.default_rng(rng_seed)

        def density(leaves: list[Any], args: Arrays, held: dict[str, Any]) -> Any:
            params = constrain(jax.tree.unflatten(tree, leaves))
            return self._density(which, _merged(args, self.batch), params, held, rng_seed)

        with jax.enable_x64(double), evaluating(self.pair), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            free, constrain = self._free()
            leaves, tree = jax.tree.flatten(free)
            leaves = [leaf + shift * nudge(noise, leaf.shape) for leaf in leaves]
            moving = [set(public_names({path: None})) <= set(along) for path in flatten(free)]
            direction = [
                nudge(noise, leaf.shape) * moves for leaf, moves in zip(leaves, moving, strict=True)
            ]
            given = jax.tree.map(_as_double, (_arrays(self.batch), dict(values)))
            staged = jax.jit(jax.value_and_grad(density), compiler_options=_QUICKLY).trace(
                leaves, *given
            )
            precise = double and "float32" not in str(staged.jaxpr)  # of the pair's own code
            compiled = staged.lower().compile()
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
        if which != "path":
            run, *_ = self._trace(which, args, params, values, rng_seed)
            return _log_prob(run)
        guide, *_ = self._trace("guide", args, params, {}, rng_seed)
        model, *_ = self._trace("model", args, params, _drawn(guide), rng_seed)
        return _log_prob(model) - _log_prob(guide)

    def _free(self) -> tuple[dict[str, Any], Callable[[Any], Any]]:
        """Parameters in unconstrained space, in float64, and the way back."""
        state = {n: v for n, v in self.values.items() if n not in self.constraints}
        maps = {n: biject_to(c) for n, c in self.constraints.items()}
        free = {
            name: transform.inv(value) if name in self._own else value
            for name, transform in maps.items()
            for value in [_as_double(self.values[name])]
        }

        def constrain(free: dict[str, Any]) -> dict[str, Any]:
            back = {n: maps[n](v) if n in self._own else v for n, v in free.items()}
            return {**jax.tree.map(jnp.asarray, _as_double(state)), **back}

        return free, constrain

    def _trace(
        self,
        part: str,
        args: tuple[Any, ...],
        params: Mapping[str, Any],
        values: Mapping[str, Any],
        rng_seed: Any,
        size: int | None = None,
    ) -> tuple[dict[str, Any], _Lines, Any]:
        lines = _Lines(self.functions[0 if part == "model" else 1])
        program = seed(lines, random.PRNGKey(rng_seed))
        # Inside of a scan only what is substituted is held.
        run: Any = trace(substitute(program, data={**params, **values}))
        steered = Steer(run, values=values)
        returned = steered(*args) if size is None else steered(None, *args[1:], size=size)
        return run.trace, lines, returned


class _Lines(Messenger):
    """Notes where each sample statement is, which are in a scan, and whether there is noise."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__(fn)
        self.found: dict[str, str] = {}
        self.steps = set[str]()
        self.noisy = False

    def process_message(self, msg: Any) -> None:
        if msg["type"] == "sample":
            self.found[msg["name"]] = calling_line()
        self.noisy |= msg["type"] == "prng_key"

    def postprocess_message(self, msg: Any) -> None:
        if msg["type"] == "control_flow":
            _, (run, _) = msg["value"]
            self.steps |= set(getattr(run, "trace", ()))


def _arrays_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded of a site, as far as it is arrays."""
    fn = base = run["fn"]
    while hasattr(base, "base_dist"):
        base = base.base_dist
    fits = {
        name: _meets(constraint, base.__dict__[name])
        for name, constraint in getattr(base, "arg_constraints", {}).items()
        if base.__dict__.get(name) is not None
    }
    support = getattr(fn, "support", None)
    return {
        "value": run["value"],
        "log_prob": _scored(run),
        "scale": 1.0 if run["scale"] is None else jnp.mean(run["scale"]),
        "supported": _meets(support, run["value"]),
        "fits": fits,
    }


def _meets(constraint: Any, value: Any) -> Any:
    """Whether a value meets a constraint; True where nothing is known of it."""
    if constraint is None:
        return True
    try:
        return jnp.all(constraint(value))
    except (ValueError, NotImplementedError):  # it depends on other arguments
        return True


def _in_numpy(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": np.asarray(found["value"]),
        "log_prob": np.asarray(found["log_prob"]),
        "scale": float(found["scale"]),
        "supported": np.asarray(found["supported"]),
        "invalid": tuple(name for name, fits in found["fits"].items() if not fits),
    }


def _drawn(run: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {n: s["value"] for n, s in run.items() if s["type"] == "sample" and not s["is_observed"]}


def _scored(run: Mapping[str, Any]) -> Any:
    given = (run["intermediates"],) if run.get("intermediates") else ()
    log_prob = run["fn"].log_prob(run["value"], *given)
    return log_prob if run["scale"] is None else run["scale"] * log_prob


def _log_prob(run: Mapping[str, Mapping[str, Any]]) -> Any:
    return sum(_scored(site).sum() for site in run.values() if site["type"] == "sample")


def _distribution(fn: Any) -> str:
    while type(fn).__name__ in ("Independent", "ExpandedDistribution", "MaskedDistribution"):
        fn = fn.base_dist
    return type(fn).__name__


def _arrays(batch: tuple[Any, ...]) -> Arrays:
    """The arrays of a batch by position: what a compiled function takes."""
    return {n: value for n, value in enumerate(batch) if isinstance(value, np.ndarray)}


def _as_jax(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(jnp.asarray(v) if isinstance(v, np.ndarray) else v for v in batch)


def _merged(arrays: Arrays, batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """The batch with these arrays in place of its own."""
    return tuple(arrays.get(n, value) for n, value in enumerate(batch))


def _as_double(tree: Any) -> Any:
    """Real arrays in float64. In numpy, since jax would compile a conversion for each shape."""

    def double(leaf: Any) -> Any:
        array = np.asarray(leaf)
        return array.astype(np.float64) if array.dtype == np.float32 else array

    return jax.tree.map(double, tree)


def _same(array: Array, other: Array) -> bool:
    return array.shape == other.shape and bool(np.array_equal(array, other))
