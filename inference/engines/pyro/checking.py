"""Runs of a pair on Pyro that leave a record: what the checker looks at."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.util import scale_and_mask
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.overrides import TorchFunctionMode

from inference.engines.closed_over import objects_of
from inference.engines.pyro.evaluation import log_evidence
from inference.engines.pyro.pairs import (
    StoredPair,
    evaluating,
    isolate,
    unconstrained,
    untouched_parts,
)
from inference.engines.pyro.program import (
    PyroProgram,
    describe,
    inspect,
    samples,
    vectorises,
)
from inference.engines.pyro.steer import Steer
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
from inference.engines.structure import Plate, Site, Structure, can_draw

_STEPS = {True: 1e-8, False: 1e-2}  # of central differences, in float64 and in float32
_ROUNDING = {True: 1e-15, False: 1e-7}


class Probe:
    """Runs a copy of a pair and records what it does; the pair stays as it is.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        batch: some rows of data; it decides the initial values of the parameters.
    """

    def __init__(self, pair: Any, batch: tuple[Any, ...]) -> None:
        self.given = pair
        self._begun = set[str]()
        try:
            ours = untouched_parts(pair) if isinstance(pair, tuple) else pair
            self.pair = isolate(ours, torch.device("cpu"))
        except Exception:
            self.pair = StoredPair(pair)
        self.batch = batch

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
            fresh: no matter here: every run runs the Python code.
        """
        del fresh
        with (
            self._apart(rng_seed, double=double),
            torch.no_grad(),
            warnings.catch_warnings(record=True) as heard,
        ):
            warnings.simplefilter("always")
            self._begin(part, rng_seed)
            args = _tensors(batch, double=double)
            run, lines = self._trace(part, args, _held(values, double=double), size)
            described = describe(run, poutine.Trace(), args, can_draw=False).guide
            nodes = dict(samples(run))
            sites = {n: _recorded(nodes[n], site, lines) for n, site in described.items()}
        returned = run.nodes["_RETURN"]["value"]
        return Recorded(
            sites=sites,
            parameters=self._named(run),
            returned=returned.numpy().copy() if isinstance(returned, Tensor) else None,
            warnings=tuple(dict.fromkeys(str(each.message) for each in heard)),
        )

    def _begin(self, part: str, rng_seed: int) -> None:
        """Run once, so that parameters are drawn and no later run draws more than another."""
        if part not in self._begun:
            self._trace(part, _tensors(self.batch), {}, None)
            self._begun.add(part)
            torch.manual_seed(rng_seed)

    def anew(self) -> Probe:
        """A probe that has run nothing."""
        return Probe(self.given, self.batch)

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
        with self._apart(1), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, functions = _tensors(self.batch), (self.pair.model, self.pair.guide)
            known = inspect(*functions, args, {})
            check(known)
            outer = vectorises(*functions, args, {}, known)

            def drawn(count: int) -> Array:
                program = PyroProgram(*functions, args, {}, known, vectorised=outer)
                return program.draw(count).likelihood_weight(known.training_only).double().numpy()

            single = np.stack([drawn(1)[0] for _ in range(sets)])
            return single, np.stack([drawn(num_particles) for _ in range(sets)])

    def log_evidence(self) -> Array:
        """The pair's own closed form of log p(x), (N,)."""
        return log_evidence(self.pair, *self.batch)

    def structure(self) -> Structure:
        """Sites and plates of model and guide, as objectives see them."""
        with self._apart(0), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args = _tensors(self.batch)
            guide, _ = self._trace("guide", args, {}, None)
            held = {n: site["value"] for n, site in samples(guide) if not site["is_observed"]}
            model, _ = self._trace("model", args, held, None)
            own = self.pair.wrapped[0] if isinstance(self.pair.wrapped, tuple) else None
            draws = can_draw(own.forward if isinstance(own, torch.nn.Module) else self.pair.model)
            return describe(guide, model, args, can_draw=draws)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the runs so far have asked for, by public name."""
        found = {}
        named = unconstrained(self.pair)
        by_id = {id(tensor): name for name, tensor in named.items()}
        with self.pair.scope():
            store: Any = pyro.get_param_store()
            for key in list(store.keys()):
                leaf = store._params[key]
                constraint = store._constraints.get(key, constraints.real)
                value = store[key].detach()
                found[by_id[id(leaf)]] = Parameter(
                    value=value.numpy().copy(),
                    constraint=type(constraint).__name__.strip("_").lower(),
                    inside=bool(constraint.check(value).all()),
                )
        return found

    def unregistered(self) -> list[str]:
        """Networks that the pair holds, and of which no parameter was asked for."""
        known = {id(tensor) for tensor in unconstrained(self.pair).values()}
        missing = []
        for name, value in self._networks().items():
            own = [id(tensor) for tensor in value.parameters() if tensor.requires_grad]
            if own and not any(tensor in known for tensor in own):
                missing.append(name)
        return missing

    def frozen(self) -> list[str]:
        """Parameters of its networks that are set to stay as they are."""
        return [
            f"{name}.{inner}"
            for name, network in self._networks().items()
            for inner, tensor in network.named_parameters()
            if not tensor.requires_grad
        ]

    def _networks(self) -> dict[str, torch.nn.Module]:
        held = objects_of(self.pair).items()
        return {name: value for name, value in held if isinstance(value, torch.nn.Module)}

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
        noise, step = np.random.default_rng(rng_seed), _STEPS[double]
        with warnings.catch_warnings(), self._apart(rng_seed, double=double):
            warnings.simplefilter("ignore")
            leaves = {n: t for n, t in unconstrained(self.pair).items() if t.requires_grad}
            direction = {n: _nudge(noise, t) * (n in along) for n, t in leaves.items()}
            before = {n: t.detach().clone() for n, t in leaves.items()}
            try:
                for leaf in leaves.values():
                    leaf.data += shift * _nudge(noise, leaf)
                centre = {n: t.detach().clone() for n, t in leaves.items()}
                start = self._density(which, values, rng_seed, double=double)
                slopes = (
                    torch.autograd.grad(start, list(leaves.values()), allow_unused=True)
                    if start.requires_grad
                    else [None] * len(leaves)
                )
                ends = []
                for sign in (1, -1):
                    for name, leaf in leaves.items():
                        leaf.data = centre[name] + sign * step * direction[name]
                    with torch.no_grad():
                        ends.append(float(self._density(which, values, rng_seed, double=double)))
            finally:
                for name, leaf in leaves.items():
                    leaf.data = before[name]
        gradient = {
            name: np.zeros(tuple(leaf.shape)) if slope is None else slope.numpy()
            for (name, leaf), slope in zip(leaves.items(), slopes, strict=True)
        }
        total, size = sum_and_size(gradient.values(), (d.numpy() for d in direction.values()))
        return Slopes(
            gradient=gradient,
            along=total,
            difference=(ends[0] - ends[1]) / (2 * step),
            size=size,
            rounding=_ROUNDING[start.dtype == torch.float64] * (1 + abs(ends[0])) / step,
            precise=start.dtype == torch.float64,
        )

    def _density(
        self, which: str, values: Mapping[str, Array], rng_seed: int, *, double: bool
    ) -> Tensor:
        args = _tensors(self.batch, double=double)
        torch.manual_seed(rng_seed)
        if which != "path":
            run, _ = self._trace(which, args, _held(values, double=double), None)
            return _log_prob(run)
        guide, _ = self._trace("guide", args, {}, None)
        held = {n: site["value"] for n, site in samples(guide)}
        model, _ = self._trace("model", args, held, None)
        return _log_prob(model) - _log_prob(guide)

    def _trace(
        self, part: str, args: tuple[Any, ...], values: Mapping[str, Tensor], size: int | None
    ) -> tuple[poutine.Trace, dict[str, str]]:
        lines = _Lines()
        function = self.pair.model if part == "model" else self.pair.guide
        with Steer(values=values), lines:
            tracer = poutine.trace(function)
            if size is None:
                run = tracer.get_trace(*args)
            else:
                run = tracer.get_trace(None, *args[1:], size=size)
        return run, lines.found

    def _named(self, run: poutine.Trace) -> tuple[str, ...]:
        """Public names of the parameters in a trace."""
        stored = self.pair.store["params"]
        names = {id(tensor): name for name, tensor in unconstrained(self.pair).items()}
        asked = (n for n, node in run.nodes.items() if node["type"] == "param")
        return tuple(names[id(stored[name])] for name in asked if name in stored)

    @contextlib.contextmanager
    def _apart(self, rng_seed: int, *, double: bool = False) -> Iterator[None]:
        """A store and a random state of the pair's own; evaluation mode; float64 if asked for."""
        with (
            self.pair.scope(),
            torch.random.fork_rng(),
            evaluating(self.pair),
            pyro.validation_enabled(False),
            _in_double(self.pair) if double else contextlib.nullcontext(),
        ):
            torch.manual_seed(rng_seed)
            yield


@contextlib.contextmanager
def _in_double(pair: StoredPair) -> Iterator[None]:
    """Parameters, buffers and new tensors in float64, and back again without a loss."""
    store: Any = pyro.get_param_store()
    modules = [
        v for v in (pair.wrapped, *objects_of(pair).values()) if isinstance(v, torch.nn.Module)
    ]
    tensors: list[Tensor] = [*store._params.values()]
    for module in modules:
        tensors += [*module.parameters(), *module.buffers()]
    single = {id(t): t for t in tensors if t.dtype == torch.float32}
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    for tensor in single.values():
        tensor.data = tensor.data.double()
    try:
        with _Doubling():
            yield
    finally:
        torch.set_default_dtype(before)
        for tensor in single.values():
            tensor.data = tensor.data.float()
            tensor.grad = None


class _Doubling(TorchFunctionMode):
    """Reads float64 wherever a program says float32, as in `one_hot(y).float()`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        func = torch.Tensor.double if func is torch.Tensor.float else func
        wider = {torch.float32: torch.float64}
        named = {
            n: wider.get(v, v) if isinstance(v, torch.dtype) else v
            for n, v in (kwargs or {}).items()
        }
        return func(*(wider.get(a, a) if isinstance(a, torch.dtype) else a for a in args), **named)


class _Lines(Messenger):
    """Writes down where each sample statement is."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def _pyro_sample(self, msg: Any) -> None:
        self.found.setdefault(msg["name"], calling_line())


def _recorded(node: Mapping[str, Any], site: Site, lines: Mapping[str, str]) -> RecordedSite:
    fn = node["fn"]
    base = fn
    while hasattr(base, "base_dist"):
        base = base.base_dist
    try:
        named, support = dict(base.arg_constraints), fn.support
    except (NotImplementedError, AttributeError):
        named, support = {}, None
    invalid = tuple(
        name
        for name, constraint in named.items()
        if not constraints.is_dependent(constraint)
        and name in base.__dict__
        and not constraint.check(getattr(base, name)).all()
    )
    plates = (dataclasses.replace(p, **_size(p, site)) for p in site.plates)
    return RecordedSite(
        site=dataclasses.replace(site, plates=frozenset(plates)),
        distribution=_distribution(fn),
        value=node["value"].numpy().copy(),
        log_prob=_scored(node).detach().numpy().copy(),
        scale=float(torch.as_tensor(node["scale"]).double().mean()),
        line=lines.get(site.name, ""),
        supported=np.array(True) if support is None else support.check(node["value"]).numpy(),
        invalid=invalid,
    )


def _size(plate: Plate, site: Site) -> dict[str, int]:
    """What a plate takes from the data where the program gives it no size."""
    if plate.size > 0:
        return {}
    size = site.batch_shape[plate.dim]
    return {"size": size, "full_size": size}


def _scored(node: Mapping[str, Any]) -> Tensor:
    return scale_and_mask(node["fn"].log_prob(node["value"]), node["scale"], node["mask"])


def _log_prob(run: poutine.Trace) -> Tensor:
    return sum((_scored(node).sum() for _, node in samples(run)), start=torch.zeros(()))


def _nudge(noise: np.random.Generator, like: Tensor) -> Tensor:
    return torch.tensor(nudge(noise, tuple(like.shape)), dtype=like.dtype)


def _distribution(fn: Any) -> str:
    while type(fn).__name__ in ("Independent", "ExpandedDistribution", "MaskedDistribution"):
        fn = fn.base_dist
    return type(fn).__name__


def _held(values: Mapping[str, Array] | None, *, double: bool) -> dict[str, Tensor]:
    arrays = _tensors(tuple((values or {}).values()), double=double)
    return dict(zip(values or {}, arrays, strict=True))


def _tensors(batch: tuple[Any, ...], *, double: bool = False) -> tuple[Any, ...]:
    tensors = tuple(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in batch)
    if not double:
        return tensors
    return tuple(
        t.double() if isinstance(t, Tensor) and t.is_floating_point() else t for t in tensors
    )
