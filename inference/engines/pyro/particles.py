"""Whether particles can ride on a dimension of their own, decided by what they compute."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from torch import Tensor

from inference.descriptions import first_line, has
from inference.engines.pyro.isolation import (
    Kept,
    arguments,
    forget,
    quietly,
    transforms_of,
    untouched,
)
from inference.engines.pyro.site_records import Lines
from inference.engines.pyro.traces import guide_samples, rows_in, run, samples, trace_pair
from inference.program.obstacles import Obstacle
from inference.program.records import raising_line
from inference.program.structure import Structure

_COUNTS = (2, 3, 5, 7, 11, 13, 17)  # of particles to look with: one that is no other dimension
_PARTS = "guide", "model"
_CLOSE = 2e-4  # densities differ by rounding, relative to the site's largest
_log = logging.getLogger("inference")


def vectorises(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    structure: Structure,
    *,
    several: bool = True,
) -> bool:
    """Whether the pair runs under an outer particle plate.

    If not, a line in the log says why, where several particles are asked for.
    """
    found = obstacle(model, guide, args, kwargs, structure)
    if found is not None and several:
        _say(str(found))
    return found is None


@functools.lru_cache(maxsize=1024)
def _say(line: str) -> None:
    """Once, however often a pair is looked at."""
    _log.warning(line)


def obstacle(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    structure: Structure,
) -> Obstacle | None:
    """What keeps particles from an outer plate, or None.

    Some particles are scored at once, and each of them alone at the same draws: all log densities
    have to be the same, site by site, and so have the networks' averages. Parameters are moved a
    little meanwhile, because much that is wrong cannot be seen of layers that begin at zero.
    """
    pair = model, guide
    with quietly(), untouched(*pair) as kept:
        own, named = arguments(args, kwargs)
        found = _looked_at(pair, own, named, structure)
        if found is None or not _begin(pair, own, named, kept):
            return found
        # What the first minibatch decides, such as where channels start, is no reason: a run that
        # is resumed has it behind itself, and takes the same steps as one that never stopped.
        return _looked_at(pair, own, named, structure)


def _looked_at(
    pair: tuple[Callable[..., Any], Callable[..., Any]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    structure: Structure,
) -> Obstacle | None:
    """The same for networks as they are."""
    found: Obstacle | None = None
    with _moved(pair) as moved:
        if moved:
            found = _difference(pair, args, kwargs, structure)
            if found is None:
                return None
    still = _difference(pair, args, kwargs, structure)
    if still is not None or not moved:
        return still
    return found if found is not None and found.site is not None else None


def _begin(
    pair: tuple[Callable[..., Any], Callable[..., Any]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    kept: Kept,
) -> bool:
    """Score the pair's own draws once, and whether that changed what its networks keep."""
    before = kept.state()
    for part, trace in zip(_PARTS, trace_pair(*pair, args, kwargs), strict=True):
        _densities(part, trace)
    return not all(map(_same, before, kept.state()))


def _difference(
    pair: tuple[Callable[..., Any], Callable[..., Any]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    structure: Structure,
) -> Obstacle | None:
    model, guide = pair
    count = _count(args, structure)
    lines = Lines()
    with untouched(model, guide) as kept:
        try:
            with lines:
                both = trace_pair(model, guide, args, kwargs, count, structure.nesting)
            together = [_densities(part, trace) for part, trace in zip(_PARTS, both, strict=True)]
        except Exception as error:  # whatever a program raises on one more dimension
            kind, said = type(error).__name__, first_line(error)
            why = f"with a dimension for {count} of them it raised {kind}: {said}"
            return Obstacle(why, None, raising_line(error))
        wrong = _misshapen(both, together, count, structure, lines.found)
        if wrong is not None:
            return wrong
        averages = kept.state()
        steered = _values(both, structure)
        for index in range(count):
            kept.restore()
            values = {name: each[index] for name, each in steered.items()} | rows_in(*both)
            alone = [run(part, args, kwargs, values=values).trace for part in (guide, model)]
            for part, trace, whole in zip(_PARTS, alone, together, strict=True):
                skip = {n for n, s in structure.guide.items() if not s.scorable and part == "guide"}
                for name, expected in _densities(part, trace, skip).items():
                    found = whole[name][index] if name in whole else None
                    if found is None or not _same(found, expected):
                        return Obstacle(
                            f"log density of {name!r} in the {part} is "
                            f"{_sum(found)} nats for one of {count} at once and {_sum(expected)} "
                            "for the same alone",
                            name,
                            lines.found.get(name, ""),
                        )
            forget(transforms_of(alone))
            if index == 0 and not all(map(_same, averages, kept.state())):
                return Obstacle(f"the networks' averages are others with {count} of them at once")
        forget(transforms_of(both))
    return None


def _misshapen(
    both: tuple[poutine.Trace, poutine.Trace],
    together: list[dict[str, Any]],
    count: int,
    structure: Structure,
    lines: Mapping[str, str],
) -> Obstacle | None:
    """A site that has no dimension for particles where it belongs."""
    rank = structure.nesting + 1
    for part, trace, densities in zip(_PARTS, both, together, strict=True):
        for name, site in _sites(part, trace):
            shape, density = tuple(site["fn"].batch_shape), densities[name]
            # A density that no draw has a part in may be one and the same for all.
            density = density.reshape((1,) * (rank - density.dim()) + density.shape)
            if len(density) == 1:
                densities[name] = density.expand(count, *density.shape[1:])
            known = structure.model.get(name) or structure.guide.get(name)
            right = known is not None and len(shape) == density.dim() == rank
            if not right or shape[0] != count:
                why = f"with {count} of them {name!r} has batch shape {shape}"
                return Obstacle(why, name, lines.get(name, ""))
    return None


def _count(args: tuple[Any, ...], structure: Structure) -> int:
    """A number of particles that no other dimension has."""
    taken = {size for arg in args if has(arg, "shape") for size in arg.shape}
    for site in (*structure.model.values(), *structure.guide.values()):
        taken |= {*site.batch_shape, *site.event_shape}
    return next((count for count in _COUNTS if count not in taken), _COUNTS[-1] + 2)


def _values(
    both: tuple[poutine.Trace, poutine.Trace], structure: Structure
) -> dict[str, list[Tensor]]:
    """The draws of each particle, in the shapes that they have without a dimension for it."""
    found = {}
    for trace in both:
        for name, site in samples(trace):
            if not site["is_observed"]:
                own = structure.guide.get(name) or structure.model[name]
                shape = own.batch_shape + own.event_shape
                found[name] = [value.reshape(shape) for value in site["value"]]
    return found


def _sites(part: str, trace: poutine.Trace) -> list[tuple[str, Any]]:
    return guide_samples(trace) if part == "guide" else samples(trace)


def _densities(part: str, trace: poutine.Trace, skip: set[str] | None = None) -> dict[str, Any]:
    return {
        name: scale_and_mask(site["fn"].log_prob(site["value"]), site["scale"], site["mask"])
        for name, site in _sites(part, trace)
        if name not in (skip or ())
    }


def _same(found: Tensor, expected: Tensor) -> bool:
    if found.numel() != expected.numel():
        return False
    found, expected = found.reshape(-1).double(), expected.reshape(-1).double()
    if not found.numel():
        return True
    sizes = expected[expected.isfinite()].abs()
    largest = float(sizes.max()) if sizes.numel() else 0.0
    return torch.allclose(found, expected, rtol=0, atol=_CLOSE * (1 + largest), equal_nan=True)


def _sum(density: Tensor | None) -> str:
    return "missing" if density is None else f"{float(density.double().sum()):.6g}"


@contextlib.contextmanager
def _moved(pair: tuple[Callable[..., Any], Callable[..., Any]]) -> Iterator[bool]:
    """Parameters and averages of normalisation a little off; whether there are any."""
    kept = Kept(pair)
    store: Any = pyro.get_param_store()
    leaves = {id(t): t for t in store._params.values()}
    leaves |= {id(t): t for module in kept.modules for t in module.parameters()}
    real = [leaf for leaf in leaves.values() if leaf.is_floating_point()]
    before = [leaf.detach().clone() for leaf in real]
    noise = torch.Generator().manual_seed(0)
    for leaf in real:
        step = torch.randn(leaf.shape, generator=noise) / max(leaf.shape, default=1) ** 0.5
        leaf.data.add_(0.1 * step.to(leaf))
    for module in kept.modules:
        for name in ("running_mean", "running_var"):
            average = getattr(module, name, None)
            if isinstance(average, Tensor):
                factor = 0.5 + torch.rand(average.shape, generator=noise).to(average)
                average.mul_(factor).add_(0.1 * factor)
    try:
        yield bool(real)
    finally:
        for leaf, value in zip(real, before, strict=True):
            leaf.data.copy_(value)
        kept.restore()
