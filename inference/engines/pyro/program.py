"""The program on Pyro: particles ride on an outer plate, so every network runs once."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import kl_divergence

from inference.engines.draws import Draws
from inference.engines.program import (
    OWNED,
    OWNED_STATE,
    RELAXED_AT,
    Generated,
    Relaxation,
    split_weights,
)
from inference.engines.pyro import discrete
from inference.engines.pyro.networks import Owned
from inference.engines.pyro.ops import Ops
from inference.engines.pyro.steer import Steer
from inference.engines.structure import Plate, Site, Structure, can_draw, comes_with_rows
from inference.errors import ObjectiveError

_PARTICLES = "num_particles_vectorized"


class PyroProgram:
    """A Pyro model and guide with a batch; implements `inference.engines.program.Program`."""

    ops = Ops

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        structure: Structure,
        *,
        vectorised: bool = True,
        owner: int = 0,
    ) -> None:
        self.vectorised = vectorised
        self.model, self.guide = model, guide
        self.args, self.kwargs = args, kwargs
        self.structure = structure
        self.owner = owner  # tells apart what objectives own in the store that all pairs share
        self._shared = structure.shared_plates
        self._rows: dict[str, Tensor] = {}
        self._observed: dict[str, Tensor] = {}

    @property
    def observed(self) -> Tensor:
        """What the model observes, shape (N, D)."""
        if not self._observed:
            raise RuntimeError("the program has not been drawn from yet")
        return torch.cat([self._flat(value, name) for name, value in self._observed.items()], -1)

    def draw(
        self,
        num_particles: int,
        *,
        divergences: bool = False,
        detach: bool = False,
        values: Mapping[str, Tensor] | None = None,
        relax: Relaxation | None = None,
    ) -> Draws:
        """Draw and score in one pass of the guide and one of the model."""
        values = values or {}
        each = [
            self._draw(
                count,
                {name: value[start : start + count] for name, value in values.items()},
                divergences=divergences,
                detach=detach,
                relax=relax,
            )
            for start, count in self._passes(num_particles)
        ]
        if len(each) == 1:
            return each[0]
        return Draws(
            log_p_sites=_stacked([draws.log_p_sites for draws in each]),
            log_q_sites=_stacked([draws.log_q_sites for draws in each]),
            divergences=_stacked([draws.divergences for draws in each]),
            scored=each[0].scored,
            values=_stacked([draws.values for draws in each]),
            logits=_stacked([draws.logits for draws in each]),
        )

    def _draw(
        self,
        num_particles: int,
        values: dict[str, Tensor],
        *,
        divergences: bool,
        detach: bool,
        relax: Relaxation | None,
    ) -> Draws:
        if num_particles == 1:  # without a particle plate, sites have no dimension for it
            values = {name: v[0].reshape(self._shape(name)) for name, v in values.items()}
        steer = functools.partial(Steer, detach=detach, relax=relax)
        guide_sites = self._trace_guide(num_particles, steer(values=self._rows | values))
        latents = {name: site["value"] for name, site in guide_sites.items()} | values
        model_sites = self._trace_model(num_particles, steer(values=self._rows | latents))
        known = {}
        if divergences:
            for name in self.structure.closed_form_sites():
                divergence = _divergence(guide_sites[name], model_sites[name])
                if divergence is not None:
                    known[name] = self._per_datum(divergence, guide_sites[name])
        proposed = {n: site for n, site in guide_sites.items() if not site["is_observed"]}
        summed = {n: model_sites[n] for n in values if n not in proposed}
        return Draws(
            log_p_sites=_Lazy(model_sites, self._log_prob),
            log_q_sites=_Lazy(guide_sites, self._log_prob),
            divergences=known,
            scored=frozenset(n for n, site in guide_sites.items() if not site["fn"].has_rsample),
            values=_Lazy(proposed | summed, lambda site: self._padded(site["name"], site["value"])),
            logits=_Lazy(
                {n: site for n, site in proposed.items() if discrete.family(site["fn"])[0]},
                lambda site: self._padded(site["name"], discrete.logits(site["fn"])),
            ),
        )

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Tensor], tuple[Tensor, Tensor]],
        *,
        through_draws_only: bool,
    ) -> tuple[Tensor, Tensor]:
        """See `inference.engines.program.Program.weighted`.

        The weights are known after the forward pass, in time for the backward pass, so that one of
        each is enough. A guide with several sites is run once more, at the drawn values, to tell
        the gradient through the draws from that through log q.
        """
        passes = self._passes(num_particles)
        cells = [_Cell(self.structure) for _ in passes]
        scores = [
            self._scores_of_leaves(count, cell, again=through_draws_only)
            for (_, count), cell in zip(passes, cells, strict=True)
        ]
        log_p, log_q, log_q_through = (torch.cat(parts) for parts in zip(*scores, strict=True))
        log_w = (log_p - log_q).detach()
        weights = weigh(log_w)
        model_weight, factor = split_weights(weights[0].detach(), weights[1].detach(), self.ops)
        for (start, count), cell in zip(passes, cells, strict=True):
            cell.factor = factor[start : start + count]
        if through_draws_only:
            term = model_weight * (log_p - log_q_through)
        else:
            term = model_weight * log_p - weights[1].detach() * log_q
        return log_w, term - term.detach()

    def _scores_of_leaves(
        self, num_particles: int, cell: _Cell, *, again: bool
    ) -> tuple[Any, Any, Any]:
        """log p at copies of the draws, log q at the draws, and log q at the copies (`again`)."""
        guide_sites = self._trace_guide(num_particles, Steer(values=self._rows))
        proposed = {n: site for n, site in guide_sites.items() if not site["is_observed"]}
        scaled: Any = _Scaled.apply
        copies: dict[str, Any] = {
            name: scaled(site["value"], cell, self.structure.guide[name])
            for name, site in proposed.items()
        }
        steer = Steer(values=self._rows | copies)
        model_sites = self._trace_model(num_particles, steer)
        log_p = sum(self._log_prob(site) for site in model_sites.values())
        log_q = sum(self._log_prob(site) for site in guide_sites.values())
        if not again:
            return log_p, log_q, log_q
        if len(proposed) == 1:
            (name, site), *_ = proposed.items()
            direct = self._log_prob({**site, "value": site["value"].detach()})
            through = self._log_prob({**site, "value": copies[name]}) - direct + direct.detach()
        else:
            with _frozen():
                sites = self._trace_guide(num_particles, steer)
            through = sum(self._log_prob(site) for site in sites.values())
        return log_p, log_q, through

    def dream(self) -> Tensor:
        """log q of the latents of one draw from the model per datum, given its data: (N,)."""
        with torch.no_grad():
            dreamt = self._trace_model(1, Steer(values=self._rows), uncondition=True)
        args = list(self.args)
        for site in self.structure.observed:
            assert site.argument is not None, "check_dreams() comes first"
            own = args[site.argument]
            args[site.argument] = dreamt[site.name]["value"].reshape(own.shape).to(own.dtype)
        values = {site.name: dreamt[site.name]["value"] for site in self.structure.latents}
        sites = self._trace_guide(1, Steer(values=self._rows | values), args)
        return sum(self._log_prob(site) for site in sites.values())[0]  # pyright: ignore[reportIndexIssue]

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch."""
        return self.args

    def generate(
        self, size: int, *, draw: str = "mean", values: Mapping[str, Tensor] | None = None
    ) -> Generated:
        """See `inference.engines.program.Program.generate`."""
        relax = Relaxation(RELAXED_AT, hard=draw == "straight-through")
        soft = relax if draw in ("relaxed", "straight-through") else None
        given = tuple(a[torch.arange(size, device=a.device) % len(a)] for a in self.args[1:])
        with Steer(values=values, relax=soft):
            run = poutine.trace(self.model).get_trace(None, *given, size=size)
        sites, name = dict(samples(run)), self.structure.generated.name
        return Generated(
            x=run.nodes["_RETURN"]["value"] if draw == "mean" else sites[name]["value"],
            latents={n: site["value"] for n, site in sites.items() if n != name},
            given=given,
        )

    def propose(self) -> dict[str, Tensor]:
        """One draw of the guide's for each datum, by site."""
        sites = self._trace_guide(1, Steer(values=self._rows))
        return {name: site["value"] for name, site in sites.items() if not site["is_observed"]}

    def input_gradient(self, function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
        """Gradient of the sum of a function's values by its argument; with a gradient itself."""
        with torch.enable_grad():
            leaf = at.detach().requires_grad_()
            (slope,) = torch.autograd.grad(function(leaf).sum(), leaf, create_graph=True)
        return slope

    def network(self, name: str, module: Any, *, trained: bool = True) -> Owned:
        """A torch module as something that the objective owns."""
        return Owned(name, module, self._stored_as(name) if trained else None)

    def slope(
        self, value: Tensor, site: str, *, values: Mapping[str, Tensor], relax: Relaxation
    ) -> tuple[Tensor, Tensor]:
        """log w with a relaxed value at a site, (K, N), and its derivative by that value."""
        with torch.enable_grad():
            leaf = value.detach().requires_grad_()
            each = self.draw(len(value), values={**values, site: leaf}, relax=relax).log_w
            (slope,) = torch.autograd.grad(each.sum(), leaf)
        return each.detach(), slope

    def parameter(self, name: str, initial: NDArray[Any]) -> Tensor:
        """A trained tensor that the objective owns."""
        owned = self._stored_as(name)
        device = next((a.device for a in self.args if isinstance(a, Tensor)), None)
        real = self._real_type if np.asarray(initial).dtype.kind == "f" else None
        value = pyro.param(owned, lambda: torch.tensor(initial, device=device, dtype=real))
        if value.shape != initial.shape:
            raise ObjectiveError(
                f"the objective's {name!r} has shape {tuple(value.shape)} from an earlier batch "
                f"and should have {initial.shape}; give every batch the same columns."
            )
        return value

    @property
    def _real_type(self) -> torch.dtype:
        """What the pair computes in, so that what the objective owns can be joined to it."""
        known = (*self.args, *pyro.get_param_store()._params.values())
        double = any(isinstance(t, Tensor) and t.dtype == torch.float64 for t in known)
        return torch.float64 if double else torch.get_default_dtype()

    def _stored_as(self, name: str) -> str:
        """What the objective owns, in the store that all pairs share."""
        return OWNED.replace(".", f"#{self.owner}.") + name

    def state(self, name: str, initial: Any) -> Tensor:
        """A number or array that the objective carries from step to step.

        It is a parameter without a gradient, which optimisers leave as it is.
        """
        full = OWNED_STATE.removeprefix(OWNED) + name
        return self.parameter(full, np.asarray(initial, dtype=np.float32)).detach().clone()

    def keep(self, name: str, value: Tensor) -> None:
        """Set it for the next step; without gradients, in evaluation, it stays."""
        if torch.is_grad_enabled():
            with torch.no_grad():
                full = OWNED_STATE.removeprefix(OWNED) + name
                self.parameter(full, np.zeros(value.shape, dtype=np.float32)).copy_(value)

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise in the shape of a tensor."""
        return torch.randn_like(like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform noise in the shape of a tensor, inside of (0, 1)."""
        return torch.rand_like(like).clamp_min(torch.finfo(like.dtype).tiny)

    def stop(self, value: Tensor) -> Tensor:
        """The value without its gradient."""
        return value.detach()

    def total(self, per_datum: Tensor) -> Tensor:
        """Sum (N,) over the data, times the scale of subsampled shared plates."""
        return per_datum.sum() * self.structure.scale

    def logmeanexp(self, values: Tensor) -> Tensor:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        return values[0] if len(values) == 1 else values.logsumexp(0) - math.log(len(values))

    def score(self, signal: Tensor, log_q_scored: Tensor | None) -> Tensor:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return torch.zeros_like(signal)
        signal = signal.detach()
        return signal * (log_q_scored - log_q_scored.detach())

    def diagonal(self, values: Tensor) -> Tensor:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        return torch.diag_embed(values.T).permute(1, 2, 0)

    def _passes(self, num_particles: int) -> list[tuple[int, int]]:
        """First particle and number of particles of each pass through the pair."""
        if self.vectorised:
            return [(0, num_particles)]
        return [(start, 1) for start in range(num_particles)]

    def _trace_guide(
        self, num_particles: int, steer: Steer, args: Sequence[Any] | None = None
    ) -> dict[str, Any]:
        args = self.args if args is None else args
        return self._trace(self.guide, num_particles, steer, args)

    def _trace_model(
        self, num_particles: int, steer: Steer, *, uncondition: bool = False
    ) -> dict[str, Any]:
        model = poutine.uncondition(self.model) if uncondition else self.model
        sites = self._trace(model, num_particles, steer, self.args)
        if not uncondition:
            self._observed = {n: site["value"] for n, site in sites.items() if site["is_observed"]}
        return sites

    def _trace(
        self, program: Callable[..., Any], num_particles: int, steer: Steer, args: Sequence[Any]
    ) -> dict[str, Any]:
        """The sample sites of a run, and the rows that its plates chose."""
        with steer:
            run = _with_particles(program, num_particles, self.structure.nesting)
            nodes = poutine.trace(run).get_trace(*args, **self.kwargs)
        self._rows |= {
            name: cast(Tensor, node["value"])
            for name, node in nodes.nodes.items()
            if node["type"] == "sample" and site_is_subsample(node) and name != _PARTICLES
        }
        return dict(samples(nodes))

    def _shape(self, name: str) -> tuple[int, ...]:
        site = self.structure.model.get(name) or self.structure.guide[name]
        return site.batch_shape + site.event_shape

    def _padded(self, name: str, value: Tensor) -> Tensor:
        """(K, *batch, *event) with as many batch dimensions as the deepest site has."""
        site = self.structure.guide.get(name) or self.structure.model[name]
        shape = self.structure.padded_shape(site)
        more = 1 if site.family == "categorical" and value.is_floating_point() else 0
        beyond = value.shape[len(value.shape) - more :]  # the logits of integers
        return value.reshape(-1, *shape, *beyond)

    def _flat(self, value: Tensor, name: str) -> Tensor:
        """An observed value as (N, D), in real numbers."""
        site = self.structure.model[name]
        batch = len(site.batch_shape)
        kept = [batch + plate.dim for plate in self._shared]
        rest = [dim for dim in range(batch + len(site.event_shape)) if dim not in kept]
        size = math.prod(plate.size for plate in self._shared)
        whole = value.expand(site.batch_shape + site.event_shape)
        return whole.permute(*kept, *rest).reshape(size, -1).to(self._real_type)

    def _log_prob(self, site: Mapping[str, Any]) -> Tensor:
        if (site["infer"] or {}).get("soft"):
            return self._per_datum(discrete.relaxed_log_prob(site["fn"], site["value"]), site)
        return self._per_datum(site["fn"].log_prob(site["value"]), site)

    def _per_datum(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Apply mask and scale and sum the plates that are not shared: (K, N)."""
        # The shared plates' own scale belongs outside the logarithm: see total().
        outside = self.structure.scale
        scale = site["scale"] if outside == 1 else site["scale"] / outside
        if site["mask"] is not None or not (isinstance(scale, (int, float)) and scale == 1):
            log_prob = scale_and_mask(log_prob, scale, site["mask"])
        rank = self.structure.nesting + 1
        log_prob = log_prob.reshape((1,) * (rank - log_prob.dim()) + log_prob.shape)
        kept = {0} | {plate.dim % rank for plate in self._shared}
        private = [dim for dim in range(rank) if dim not in kept]
        return (log_prob.sum(private) if private else log_prob).reshape(len(log_prob), -1)


class _Lazy(Mapping[str, Tensor]):
    """Tensors by site, worked out when they are asked for: a closed form saves two densities."""

    def __init__(self, sites: Mapping[str, Any], work_out: Callable[[Any], Tensor]) -> None:
        self.sites, self.work_out = sites, work_out
        self.known: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.known:
            self.known[name] = self.work_out(self.sites[name])
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)


class _Cell:
    """Where the backward pass finds a factor that the forward pass does not know yet."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.factor: Tensor | None = None  # (K, N)


class _Scaled(torch.autograd.Function):
    """A copy of a site's value, whose gradient is multiplied by a cell's factor."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, cell: _Cell, site: Site) -> Tensor:
        ctx.cell, ctx.site = cell, site
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        factor = ctx.cell.structure.spread(ctx.cell.factor, ctx.site)
        return (gradient * factor).reshape(gradient.shape), None, None


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Run without gradients to any parameter, but with gradients to everything else."""
    store: Any = pyro.get_param_store()
    trained = [tensor for tensor in store._params.values() if tensor.requires_grad]
    for tensor in trained:
        tensor.requires_grad_(False)
    try:
        with warnings.catch_warnings():  # pyro.module warns of parameters without gradients
            warnings.filterwarnings("ignore", "(?s).*requires_grad=False")
            yield
    finally:
        for tensor in trained:
            tensor.requires_grad_(True)


def loss(
    objective: Any, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
) -> Tensor:
    """The negative surrogate of an objective, for `pyro.infer.SVI`."""
    return -objective.surrogate(program(objective, model, guide, args, kwargs))


def bound(
    objective: Any, model: Callable[..., Any], guide: Callable[..., Any], *args: Any
) -> Tensor:
    """The bound of an objective on a batch, for evaluation."""
    return objective.bound(program(objective, model, guide, args, {}))


def attach(objective: Any, model: Callable[..., Any], guide: Callable[..., Any]) -> Any:
    """The guide itself: Pyro's SVI finds what an objective owns without being told."""
    return guide


_owners = itertools.count()


def _owner(objective: Any, model: Callable[..., Any], guide: Callable[..., Any]) -> int:
    """A number for what an objective owns beside one pair; programs need not be hashable."""
    owners: list[tuple[Any, int]] = objective.__dict__.setdefault("_pyro_owners", [])
    for pair, number in owners:
        if pair == (model, guide):
            return number
    owners.append(((model, guide), next(_owners)))
    return owners[-1][1]


def release(objective: Any, model: Callable[..., Any], guide: Callable[..., Any]) -> None:
    """Forget a pair that an objective has trained, so that it can be freed."""
    owners = objective.__dict__.get("_pyro_owners", [])
    owners[:] = [entry for entry in owners if entry[0] != (model, guide)]


def program(
    objective: Any,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> PyroProgram:
    """A program on a batch, checked against the objective.

    The structure of the last pair and batch shapes is remembered on the objective, because to find
    it costs one run of the pair.
    """
    shapes = [getattr(arg, "shape", arg) for arg in (*args, *kwargs.values())]
    key = (model, guide, shapes, sorted(kwargs))
    remembered = objective.__dict__.get("_pyro_structure")
    if remembered is None or remembered[0] != key:
        structure = inspect(model, guide, args, kwargs)
        objective.require(structure)
        vectorised = vectorises(model, guide, args, kwargs, structure)
        remembered = objective.__dict__["_pyro_structure"] = (key, structure, vectorised)
    _, structure, vectorised = remembered
    owner = _owner(objective, model, guide) if objective.owns else 0
    return PyroProgram(model, guide, args, kwargs, structure, vectorised=vectorised, owner=owner)


def inspect(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Run the pair once, leaving torch's random state as it was, and describe its sites."""
    with _quietly():
        both = trace_pair(model, guide, args, kwargs)
    device = next((arg.device for arg in args if isinstance(arg, Tensor)), None)

    def on(rows: tuple[Any, ...]) -> Structure:
        tensors = tuple(torch.tensor(np.asarray(array), device=device) for array in rows)
        return inspect(model, guide, tensors, kwargs)

    return replace(describe(*both, args, can_draw=can_draw(model)), on=on)


def trace_pair(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    num_particles: int = 1,
    nesting: int = 0,
) -> tuple[poutine.Trace, poutine.Trace]:
    """Trace the guide, then the model on its draws; particles on a plate outside of `nesting`."""
    guide = _with_particles(guide, num_particles, nesting)
    model = _with_particles(model, num_particles, nesting)
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=guide_trace)
    return guide_trace, poutine.trace(replayed).get_trace(*args, **kwargs)


def _with_particles(
    program: Callable[..., Any], num_particles: int, nesting: int
) -> Callable[..., Any]:
    """The program under a plate for its particles, outside of all its own plates."""
    if num_particles == 1:
        return program
    return pyro.plate(_PARTICLES, num_particles, dim=-nesting - 1)(program)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Run without gradients, without a trace in the random state, and without warnings.

    What upstream only warns about is refused by name, from the structure.
    """
    with (
        torch.no_grad(),
        torch.random.fork_rng(),
        warnings.catch_warnings(),
        pyro.validation_enabled(False),
    ):
        warnings.simplefilter("ignore")
        yield


def vectorises(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    structure: Structure,
) -> bool:
    """Whether the pair runs under an outer particle plate; if not, particles run one by one."""
    nesting = structure.nesting
    try:
        with _quietly():
            traces = trace_pair(model, guide, args, kwargs, 2, nesting)
            for trace in traces:
                trace.compute_log_prob()
    except (RuntimeError, ValueError, IndexError):
        return False
    return all(
        len(site["fn"].batch_shape) == nesting + 1 and site["fn"].batch_shape[0] == 2
        for trace in traces
        for _, site in samples(trace)
    )


def describe(
    guide_trace: poutine.Trace,
    model_trace: poutine.Trace,
    args: tuple[Any, ...],
    *,
    can_draw: bool,
) -> Structure:
    """Sites and plates of two traces."""
    if any(map(_has_nan, args)):
        with torch.no_grad():
            model_trace.compute_log_prob()
            guide_trace.compute_log_prob()
    return Structure(
        model={name: _site(name, site, args) for name, site in samples(model_trace)},
        guide={name: _site(name, site, args) for name, site in samples(guide_trace)},
        can_draw=can_draw,
        labelled=any(hasattr(arg, "dtype") and not Ops.is_real(arg) for arg in args[1:]),
    )


def samples(trace: poutine.Trace) -> list[tuple[str, Any]]:
    """The sample sites of a trace, without the index draws of subsampled plates."""
    return [
        (name, site)
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site_is_subsample(site)
    ]


def _inside(support: Any, device: torch.device, array: NDArray[Any]) -> NDArray[np.bool_]:
    return support.check(torch.tensor(array, device=device)).cpu().numpy()


def _has_nan(arg: Any) -> bool:
    """Whether a tensor has missing values."""
    real = isinstance(arg, Tensor) and arg.is_floating_point()
    return real and bool(arg.isnan().any())


def _site(name: str, site: Mapping[str, Any], args: tuple[Any, ...]) -> Site:
    support = getattr(site["fn"], "support", None)
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    given = site["infer"].get("given", site["value"])  # without what was filled in: see `filling`
    positions = [position for position, arg in enumerate(args) if arg is given]
    plates = frozenset(
        Plate(frame.name, frame.dim, int(frame.size), int(frame.full_size or frame.size))
        for frame in site["cond_indep_stack"]
        if frame.vectorized and frame.name != _PARTICLES
    )
    return Site(
        name=name,
        observed=bool(site["is_observed"]),
        reparameterised=bool(site["fn"].has_rsample),
        event_shape=tuple(site["fn"].event_shape),
        batch_shape=tuple(site["fn"].batch_shape),
        plates=plates,
        auxiliary=bool(site["infer"].get("is_auxiliary", False)),
        support=type(support).__name__.strip("_").lower(),
        inside=None if support is None else partial(_inside, support, site["value"].device),
        argument=positions[0] if positions else None,
        family=discrete.family(site["fn"])[0],
        cardinality=discrete.family(site["fn"])[1],
        training_only=bool(site["infer"].get("training_only", False)),
        scorable=_scorable(site["fn"], site["value"]),
        enumerated=bool(site["infer"].get("enumerate")),
        by_row=comes_with_rows(support),
        is_nan="log_prob" in site and bool(site["log_prob"].isnan().any()),
    )


def _scorable(fn: Any, value: Tensor) -> bool:
    """Whether a copy of a flow's draw has a density: the draw's own is remembered, not computed."""
    if not isinstance(fn, torch.distributions.TransformedDistribution):
        return True
    try:
        fn.log_prob(value.clone())
    except (KeyError, NotImplementedError):
        return False
    return True


def _stacked(parts: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _divergence(guide_site: Mapping[str, Any], model_site: Mapping[str, Any]) -> Tensor | None:
    try:
        return kl_divergence(guide_site["fn"], model_site["fn"])
    except NotImplementedError:
        return None
