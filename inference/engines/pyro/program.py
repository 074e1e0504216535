"""The program on Pyro: particles ride on an outer plate, so every network runs once."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import kl_divergence

from inference.engines.draws import Draws
from inference.engines.structure import Plate, Site, Structure

_PARTICLES = "num_particles_vectorized"


class PyroProgram:
    """A Pyro model and guide with a batch; implements `inference.engines.program.Program`."""

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        structure: Structure,
        *,
        vectorised: bool = True,
    ) -> None:
        self.vectorised = vectorised
        self.model, self.guide = model, guide
        self.args, self.kwargs = args, kwargs
        self.structure = structure
        self._shared = structure.shared_plates
        self._nesting = _nesting(structure)

    def draw(self, num_particles: int, *, divergences: bool = False) -> Draws:
        """Draw and score in one pass of the guide and one of the model."""
        if self.vectorised or num_particles == 1:
            return self._draw(num_particles, divergences=divergences)
        each = [self._draw(1, divergences=divergences) for _ in range(num_particles)]
        return Draws(
            log_p_sites=_stacked([draws.log_p_sites for draws in each]),
            log_q_sites=_stacked([draws.log_q_sites for draws in each]),
            divergences=_stacked([draws.divergences for draws in each]),
            scored=each[0].scored,
        )

    def _draw(self, num_particles: int, *, divergences: bool) -> Draws:
        traces = trace_pair(
            self.model, self.guide, self.args, self.kwargs, num_particles, self._nesting
        )
        guide_sites, model_sites = (dict(samples(trace)) for trace in traces)
        known = {}
        if divergences:
            for name in self.structure.closed_form_sites():
                divergence = _divergence(guide_sites[name], model_sites[name])
                if divergence is not None:
                    known[name] = self._per_datum(divergence, guide_sites[name])
        return Draws(
            log_p_sites=_Scores(model_sites, self._log_prob),
            log_q_sites=_Scores(guide_sites, self._log_prob),
            divergences=known,
            scored=frozenset(n for n, site in guide_sites.items() if not site["fn"].has_rsample),
        )

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

    def _log_prob(self, site: Mapping[str, Any]) -> Tensor:
        return self._per_datum(site["fn"].log_prob(site["value"]), site)

    def _per_datum(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Apply mask and scale and sum the plates that are not shared: (K, N)."""
        # The shared plates' own scale belongs outside the logarithm: see total().
        outside = self.structure.scale
        scale = site["scale"] if outside == 1 else site["scale"] / outside
        if site["mask"] is not None or not (isinstance(scale, (int, float)) and scale == 1):
            log_prob = scale_and_mask(log_prob, scale, site["mask"])
        rank = self._nesting + 1
        log_prob = log_prob.reshape((1,) * (rank - log_prob.dim()) + log_prob.shape)
        kept = {0} | {plate.dim % rank for plate in self._shared}
        private = [dim for dim in range(rank) if dim not in kept]
        return (log_prob.sum(private) if private else log_prob).reshape(len(log_prob), -1)


class _Scores(Mapping[str, Tensor]):
    """Log densities by site, worked out when they are asked for: a closed form saves two."""

    def __init__(self, sites: Mapping[str, Any], score: Callable[[Any], Tensor]) -> None:
        self.sites, self.score = sites, score
        self.known: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.known:
            self.known[name] = self.score(self.sites[name])
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)


def loss(
    objective: Any, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
) -> Tensor:
    """The negative surrogate of an objective, for `pyro.infer.SVI`."""
    return -objective.surrogate(program(objective, model, guide, args, kwargs))


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
        structure.check_match()
        objective.check(structure)
        vectorised = vectorises(model, guide, args, kwargs, structure)
        remembered = objective.__dict__["_pyro_structure"] = (key, structure, vectorised)
    return PyroProgram(model, guide, args, kwargs, remembered[1], vectorised=remembered[2])


def inspect(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Run the pair once, leaving torch's random state as it was, and describe its sites."""
    with _quietly():
        return describe(*trace_pair(model, guide, args, kwargs), args)


def trace_pair(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    num_particles: int = 1,
    nesting: int = 0,
) -> tuple[poutine.Trace, poutine.Trace]:
    """Trace the guide, then the model on its draws; particles on a plate outside of `nesting`."""
    if num_particles > 1:
        particles = pyro.plate(_PARTICLES, num_particles, dim=-nesting - 1)
        guide, model = particles(guide), particles(model)
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=guide_trace)
    return guide_trace, poutine.trace(replayed).get_trace(*args, **kwargs)


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
    nesting = _nesting(structure)
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
    guide_trace: poutine.Trace, model_trace: poutine.Trace, args: tuple[Any, ...]
) -> Structure:
    """Sites and plates of two traces."""
    return Structure(
        model={name: _site(name, site, args) for name, site in samples(model_trace)},
        guide={name: _site(name, site, args) for name, site in samples(guide_trace)},
    )


def samples(trace: poutine.Trace) -> list[tuple[str, Any]]:
    """The sample sites of a trace, without the index draws of subsampled plates."""
    return [
        (name, site)
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not site_is_subsample(site)
    ]


def _site(name: str, site: Mapping[str, Any], args: tuple[Any, ...]) -> Site:
    support = getattr(site["fn"], "support", None)
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    positions = [position for position, arg in enumerate(args) if arg is site["value"]]
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
        inside=None if support is None else lambda a: support.check(torch.tensor(a)).numpy(),
        argument=positions[0] if positions else None,
    )


def _nesting(structure: Structure) -> int:
    sites = (*structure.model.values(), *structure.guide.values())
    dims = [-plate.dim for site in sites for plate in site.plates]
    ranks = [len(site.batch_shape) for site in sites]
    return max([*dims, *ranks, 0])


def _stacked(parts: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _divergence(guide_site: Mapping[str, Any], model_site: Mapping[str, Any]) -> Tensor | None:
    try:
        return kl_divergence(guide_site["fn"], model_site["fn"])
    except NotImplementedError:
        return None
