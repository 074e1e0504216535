"""The program on Pyro: particles ride on an outer plate, so every network runs once."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from inference.engines.pyro import discrete
from inference.engines.pyro.divergences import divergence
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.networks import Owned
from inference.engines.pyro.ops import Ops
from inference.engines.pyro.traces import (
    PARTICLES,
    computed,
    guide_samples,
    plain_scale,
    samples,
    with_particles,
)
from inference.errors import ObjectiveError
from inference.program.draws import Cells, Draws
from inference.program.generators import rows_drawn
from inference.program.program import (
    OWNED,
    OWNED_STATE,
    RELAXED_AT,
    Generated,
    Relaxation,
    check_same_sites,
    split_weights,
)
from inference.program.scales import in_words, same_scale
from inference.program.sites import Site
from inference.program.structure import Structure


class PyroProgram:
    """A Pyro model and guide with a batch; implements `inference.program.program.Program`."""

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
        self._outside: Any = structure.scale  # the scale that stays outside of the weights
        self._held: dict[str, Tensor] = {}  # the globals' draw
        self._of_globals: Any = 0.0  # its log p - log q

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
        self._hold_globals()
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
            cells=_stacked_cells([draws.cells for draws in each]),
        )

    def _hold_globals(self) -> None:
        """Draw the latents that lie outside of the weights, once for all particles."""
        outside = self.structure.outside
        if not outside or self._held:
            return
        guide_sites = self._trace_guide(1, Steer(values=self._rows))
        drawn = {name: site["value"] for name, site in guide_sites.items()}
        model_sites = self._trace_model(1, Steer(values=self._rows | drawn))
        self._held = {name: value for name, value in drawn.items() if name in outside}
        for sign, sites in ((1, model_sites), (-1, guide_sites)):
            for name in outside & set(sites):
                site = sites[name]
                term = scale_and_mask(_density(site), site["scale"], site["mask"])
                self._of_globals = self._of_globals + sign * term.sum()

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
        values = self._held | values
        whole = self.structure.left_out
        steer = functools.partial(Steer, detach=detach, relax=relax, whole=whole)
        guide_sites = self._trace_guide(num_particles, steer(values=self._rows | values))
        latents = {name: site["value"] for name, site in guide_sites.items()} | values
        model_sites = self._trace_model(num_particles, steer(values=self._rows | latents))
        self._note_scale(model_sites, guide_sites)
        exact = {}
        if divergences:
            for name in self.structure.closed_form_sites():
                found = divergence(guide_sites[name], model_sites[name])
                if found is not None:
                    exact[name] = found
        known = {n: self._per_datum(value, guide_sites[n]) for n, value in exact.items()}
        proposed = {n: site for n, site in guide_sites.items() if not site["is_observed"]}
        summed = {n: model_sites[n] for n in values if n not in proposed}
        outside = self.structure.outside
        of_model, of_guide = _Lazy(model_sites, _density), _Lazy(guide_sites, _density)
        scored = {n: s for n, s in proposed.items() if not s["fn"].has_rsample and n not in outside}
        cells = None
        if scored:
            cells = Cells(
                log_p_sites=_Lazy(
                    _without(model_sites, outside), lambda s: self._cell(of_model[s["name"]], s)
                ),
                log_q_sites=_Lazy(
                    _without(guide_sites, outside), lambda s: self._cell(of_guide[s["name"]], s)
                ),
                divergences={n: self._cell(v, guide_sites[n]) for n, v in exact.items()},
                scores=_Lazy(scored, lambda s: self._framed(_score(s, of_guide))),
                gather=self.structure.gather,
            )
        return Draws(
            log_p_sites=_Lazy(
                _without(model_sites, outside), lambda s: self._per_datum(of_model[s["name"]], s)
            ),
            log_q_sites=_Lazy(
                _without(guide_sites, outside), lambda s: self._per_datum(of_guide[s["name"]], s)
            ),
            divergences=known,
            scored=frozenset(scored),
            values=_Lazy(proposed | summed, lambda site: self._padded(site["name"], site["value"])),
            logits=_Lazy(
                {n: site for n, site in proposed.items() if discrete.family(site["fn"])[0]},
                lambda site: self._padded(site["name"], discrete.logits(site["fn"])),
            ),
            cells=cells,
        )

    def _note_scale(self, *parts: Mapping[str, Any]) -> None:
        """Note what multiplies a datum's bound, and that all its sites still agree on it.

        Found for each run, because a weight of rows, or a factor that rises with the steps, may
        come with the batch.
        """
        sites = itertools.chain(*(part.items() for part in parts))
        weighing = [(n, site["scale"]) for n, site in sites if n in self.structure.unscaled]
        if not weighing:
            self._outside = self.structure.scale
            return
        first, self._outside = weighing[0]
        for name, scale in weighing:
            if not _equal(scale, self._outside):
                raise ObjectiveError(
                    f"site {name!r} has scale {in_words(plain_scale(scale))} and {first!r} "
                    f"{in_words(plain_scale(self._outside))}, which were equal in an earlier "
                    "batch. Fit the batches in which all sites of a datum have one scale on their "
                    "own."
                )

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Tensor], tuple[Tensor, Tensor]],
        *,
        through_draws_only: bool,
    ) -> tuple[Tensor, Tensor]:
        """See `inference.program.program.Program.weighted`.

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
            term = _weighed(model_weight, log_p - log_q_through)
        else:
            term = _weighed(model_weight, log_p) - _weighed(weights[1].detach(), log_q)
        term = torch.where(term.detach().isinf(), 0.0, term)
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
        self._note_scale(model_sites, guide_sites)
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
        """See `inference.program.program.Program.generate`."""
        relax = Relaxation(RELAXED_AT, hard=draw == "straight-through")
        soft = relax if draw in ("relaxed", "straight-through") else None
        given = tuple(a[torch.arange(size, device=a.device) % len(a)] for a in self.args[1:])
        with Steer(values=values, relax=soft):
            run = poutine.trace(self.model).get_trace(None, *given, size=size)
        sites, x = dict(samples(run)), run.nodes["_RETURN"]["value"]
        name = self.structure.generated.name if self.structure.observed else None
        if name is None:
            x = rows_drawn(x, computed(run))
        elif draw != "mean":
            x = sites[name]["value"]
        return Generated(
            x=x,
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
        """Sum (N,) over the data, times what scales a datum, and the globals' own term."""
        scale = self._outside
        if isinstance(scale, Tensor) and scale.dim():
            shape = self.structure.row_shape
            per_datum = per_datum * self.structure.framed(scale).expand(shape).reshape(-1)
            return per_datum.sum() + self._of_globals
        return per_datum.sum() * scale + self._of_globals

    def logmeanexp(self, values: Tensor) -> Tensor:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        return values[0] if len(values) == 1 else logmeanexp(values)

    def score(self, signal: Tensor, log_q_scored: Tensor | None) -> Tensor:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return torch.zeros_like(signal)
        return signal.detach() * (log_q_scored - log_q_scored.detach())

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
            run = with_particles(program, num_particles, self.structure.nesting)
            nodes = poutine.trace(run).get_trace(*args, **self.kwargs)
        self._rows |= {
            name: cast(Tensor, node["value"])
            for name, node in nodes.nodes.items()
            if node["type"] == "sample" and site_is_subsample(node) and name != PARTICLES
        }
        kind = "guide" if program is self.guide else "model"
        sites = dict((guide_samples if kind == "guide" else samples)(nodes))
        check_same_sites(kind, sites, getattr(self.structure, kind))
        return sites

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
        plates = self.structure.nested.shared_plates  # of the data, globals or not
        batch = len(site.batch_shape)
        kept = [batch + plate.dim for plate in plates]
        rest = [dim for dim in range(batch + len(site.event_shape)) if dim not in kept]
        size = math.prod(plate.size for plate in plates)
        whole = value.expand(site.batch_shape + site.event_shape)
        return whole.permute(*kept, *rest).reshape(size, -1).to(self._real_type)

    def _log_prob(self, site: Mapping[str, Any]) -> Tensor:
        return self._per_datum(_density(site), site)

    def _cell(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """A log density entry by entry, (K, *batch)."""
        return self._framed(self._scaled(log_prob, site))

    def _framed(self, log_prob: Tensor) -> Tensor:
        """With as many batch dimensions as the deepest site has, behind that of the particles."""
        rank = self.structure.nesting + 1
        return log_prob.reshape((1,) * (rank - log_prob.dim()) + log_prob.shape)

    def _scaled(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Times mask and scale, the latter as far as it is not outside: see total()."""
        scale: Any = 1.0
        if site["name"] not in self.structure.unscaled:
            scale, outside = site["scale"], self._outside
            if isinstance(outside, Tensor) or outside != 1:
                scale = scale / outside
        if site["mask"] is not None or not (isinstance(scale, (int, float)) and scale == 1):
            log_prob = scale_and_mask(log_prob, scale, site["mask"])
        return log_prob

    def _per_datum(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Apply mask and scale and sum the plates that are not shared: (K, N)."""
        log_prob = self._framed(self._scaled(log_prob, site))
        rank = self.structure.nesting + 1
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


def _equal(one: Any, other: Any) -> bool:
    """Whether two scales are equal; numbers at once, because every step asks."""
    if one is other or (isinstance(one, float | int) and isinstance(other, float | int)):
        return one is other or one == other
    return same_scale(plain_scale(one), plain_scale(other))


def _density(site: Mapping[str, Any]) -> Tensor:
    """The log density of a site's value, before mask, scale and sums."""
    if (site["infer"] or {}).get("soft"):
        return discrete.relaxed_log_prob(site["fn"], site["value"])
    return site["fn"].log_prob(site["value"])


def _score(site: Mapping[str, Any], densities: Mapping[str, Tensor]) -> Tensor:
    """The log density of a draw, whether it is masked or not: what was drawn has a score."""
    fn = discrete.unmasked(site["fn"])
    return densities[site["name"]] if fn is site["fn"] else fn.log_prob(site["value"])


def _without(sites: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    return {n: site for n, site in sites.items() if n not in names} if names else sites


def _weighed(weight: Tensor, value: Tensor) -> Tensor:
    """weight * value, zero where the weight is, though the value be -inf."""
    return weight * torch.where(weight == 0, 0.0, value)


def logmeanexp(values: Tensor) -> Tensor:
    """log of the mean of exp over the first axis, -inf and without gradient where all are -inf."""
    possible = values.detach().amax(0) != -math.inf  # true of NaN, which stays one
    total = torch.where(possible, values, 0.0).logsumexp(0)
    return torch.where(possible, total, -math.inf) - math.log(len(values))


def _stacked(parts: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _stacked_cells(parts: list[Cells | None]) -> Cells | None:
    cells = [part for part in parts if part is not None]
    if not cells:
        return None
    return Cells(
        log_p_sites=_stacked([part.log_p_sites for part in cells]),
        log_q_sites=_stacked([part.log_q_sites for part in cells]),
        divergences=_stacked([part.divergences for part in cells]),
        scores=_stacked([part.scores for part in cells]),
        gather=cells[0].gather,
    )
