"""A look at a Pyro pair on a batch: what its sites and plates are, and on what they depend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyro import poutine
from pyro.distributions import Delta
from torch import Tensor

from inference.descriptions import has
from inference.engines.pyro import discrete
from inference.engines.pyro.dataflow import parents_of
from inference.engines.pyro.factors import is_factor, sources
from inference.engines.pyro.isolation import (
    arguments,
    forget,
    quietly,
    transforms_of,
    untouched,
)
from inference.engines.pyro.ops import Ops
from inference.engines.pyro.points import direct_parts
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.traces import (
    PARTICLES,
    guide_samples,
    plain_scale,
    proposing,
    run,
    samples,
    trace_pair,
)
from inference.program.angles import is_angle
from inference.program.batches import kept_of, rows_among
from inference.program.containers import mapped
from inference.program.distributions import (
    any_order,
    comes_with_rows,
    flatness,
    innermost,
    is_discrete,
    one_order,
    says,
    sequential_part,
)
from inference.program.sites import Plate, Site
from inference.program.structure import Structure, can_draw

_SEEDS = (3, 5, 4)  # of more draws, to see whether they have the same sites: far from each other


def inspect(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Run the pair once on copies of its arguments, leave nothing behind, describe its sites."""
    device = next((arg.device for arg in args if isinstance(arg, Tensor)), None)

    def on(rows: tuple[Any, ...]) -> Structure:
        tensors = tuple(torch.tensor(np.asarray(array), device=device) for array in rows)
        return inspect(model, guide, tensors, kwargs)

    found = look(model, guide, args, kwargs)[0]
    return replace(found, on=on, **_over_draws(guide, args, kwargs, found))


def _over_draws(
    guide: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], found: Structure
) -> dict[str, frozenset[str]]:
    """What some draws of the guide, of the same rows, say of its sites.

    `varying` are those that not all have, or that have another size in some: a branch, or a plate,
    that a draw decides. `fixed` are points that have the same value in all.
    """
    runs, values, shapes = [set(found.guide)], dict[str, Tensor](), set[tuple[str, Any]]()
    fixed, rows = {name for name, site in found.guide.items() if site.point}, dict[str, Tensor]()
    with quietly(), untouched(guide):
        own, named = arguments(args, kwargs)
        for rng_seed in _SEEDS:
            seed_all(rng_seed)
            drawn = run(proposing(guide), own, named, values=rows)
            forget(transforms_of([drawn.trace]))
            rows = drawn.fewer_rows  # others may be of another size in each draw
            runs.append(set(drawn.proposals))
            shapes |= {(name, site["value"].shape) for name, site in drawn.proposals.items()}
            now = {name: drawn.proposals[name]["value"] for name in fixed & runs[-1]}
            fixed = {n for n, value in now.items() if n not in values or _same(value, values[n])}
            values = now
    sized = Counter(name for name, _ in shapes)
    varying = set.union(*runs) - set.intersection(*runs) | {n for n in sized if sized[n] > 1}
    return {"varying": frozenset(varying), "fixed": frozenset(fixed)}


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def look(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Structure, list[Any]]:
    """The structure, and the transforms of the pair's flows; nothing is left behind."""
    guide = proposing(guide)
    with quietly(), untouched(model, guide):
        own, named = arguments(args, kwargs)
        both = trace_pair(model, guide, own, named)
        factors = sources(model, both[1], own, named)
        draws, beside = can_draw(model), kept_of(model)
        structure = describe(*both, own, can_draw=draws, factors=factors, kwargs=named, kept=beside)
        kept = {name: structure.guide[name] for name, _ in guide_samples(both[0])}
        structure = replace(structure, guide=kept)
        structure = structure.with_direct(direct_parts(guide, both[0], own, named))
        transforms = transforms_of(both)
        forget(transforms)
    return structure, transforms


def shapes_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What a structure depends on of arguments: the shapes of arrays, everything else as it is."""
    return mapped(
        [*args, *kwargs.values()], lambda arg: arg.shape if has(arg, "shape") else arg
    ), sorted(kwargs)


def with_parents(
    structure: Structure,
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Find out what each site depends on, where that makes scores less noisy."""
    try:
        with quietly(), untouched(model, guide):
            own, named = arguments(args, kwargs)
            return structure.with_parents(*parents_of(model, guide, own, named))
    except Exception:  # whatever it is: in doubt, a site depends on all before it
        return structure


def describe(
    guide_trace: poutine.Trace,
    model_trace: poutine.Trace,
    args: tuple[Any, ...],
    *,
    can_draw: bool,
    factors: Mapping[str, tuple[str, ...]] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    kept: int = 0,
) -> Structure:
    """Sites and plates of two traces, given what the model's factors are computed from."""
    known = factors or {}
    if any(map(_has_nan, args)):
        with torch.no_grad():
            model_trace.compute_log_prob()
            guide_trace.compute_log_prob()
    model = {name: _site(name, site, args, known.get(name)) for name, site in samples(model_trace)}
    guide = {name: _site(name, site, args) for name, site in samples(guide_trace)}
    sizes = _sizes((*model.values(), *guide.values()))
    return Structure(
        model={name: _sized(site, sizes) for name, site in model.items()},
        guide={name: _sized(site, sizes) for name, site in guide.items()},
        can_draw=can_draw,
        kept=kept,
        labelled=any(has(arg, "dtype") and not Ops.is_real(arg) for arg in args[1:]),
        rows=rows_among(args, kwargs or {}),
    ).check_scales()


def _inside(support: Any, device: torch.device, array: NDArray[Any]) -> NDArray[np.bool_]:
    return support.check(torch.tensor(array, device=device)).cpu().numpy()


def _has_nan(arg: Any) -> bool:
    """Whether a tensor has missing values."""
    real = isinstance(arg, Tensor) and arg.is_floating_point()
    return real and bool(arg.isnan().any())


def _site(
    name: str,
    site: Mapping[str, Any],
    args: tuple[Any, ...],
    factor: tuple[str, ...] | None = None,
) -> Site:
    support = discrete.support(site["fn"])
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    given = site["infer"].get("given", site["value"])  # without what was filled in: see `filling`
    positions = [position for position, arg in enumerate(args) if arg is given]
    density_shape = _density_shape(site["fn"], site["value"])  # before a flow forgets its draw
    plates = frozenset(
        Plate(frame.name, frame.dim, int(frame.size), int(frame.full_size or frame.size))
        for frame in site["cond_indep_stack"]
        if frame.vectorized and frame.name != PARTICLES
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
        scale=plain_scale(site["scale"]),
        value_shape=tuple(site["value"].shape),
        density_shape=density_shape,
        normalised=says(site["fn"], "normalised", usual=True)
        and not (factor and is_factor(site["fn"])),
        sequential=says(site["fn"], "sequential", usual=False),
        conditional=sequential_part(site["fn"]) is not None,
        one_order=one_order(site["fn"]),
        any_order=any_order(site["fn"]),
        hidden_states=hasattr(sequential_part(site["fn"]), "features"),
        kernel=hasattr(innermost(site["fn"]), "transition"),
        full_conditionals=hasattr(innermost(site["fn"]), "log_conditionals"),
        predicts=hasattr(innermost(site["fn"]), "predict"),
        factor=factor if is_factor(site["fn"]) else None,
        made_of=None if is_factor(site["fn"]) else factor,
        discrete=is_discrete(support),
        by_row=comes_with_rows(support),
        is_nan="log_prob" in site and bool(site["log_prob"].isnan().any()),
        point=isinstance(innermost(site["fn"]), Delta) or says(site["fn"], "point"),
        angle=is_angle(site["fn"]),
        flat=flatness(site["fn"], site["mask"]),
    )


def _sizes(sites: Sequence[Site]) -> dict[str, Plate]:
    """Plates by name; of one without a size, as in `plate("data")`, that of its largest site."""
    stated = {p.name: p for site in sites for p in site.plates if p.size >= 0}
    read: dict[str, Plate] = {}
    for site in sites:
        shape = site.batch_shape if site.density_shape is None else site.density_shape
        for plate in site.plates:
            if plate.size < 0 and len(shape) >= -plate.dim:
                size = max(shape[plate.dim], read.get(plate.name, plate).size)
                read[plate.name] = replace(plate, size=size, full_size=size)
    return read | stated


def _sized(site: Site, sizes: Mapping[str, Plate]) -> Site:
    """A site whose plates without a size, as `EasyGuide` makes them, too, have that of others."""
    plates = (sizes.get(p.name, p) if p.size < 0 else p for p in site.plates)
    return replace(site, plates=frozenset(plates))


def _density_shape(fn: Any, value: Tensor) -> tuple[int, ...] | None:
    """The shape of a log density; None where there is none, which others report in better words."""
    try:
        return tuple(fn.log_prob(value).shape)
    except Exception:
        return None


def _scorable(fn: Any, value: Tensor) -> bool:
    """Whether a copy of a flow's draw has a density: the draw's own is remembered, not computed."""
    if not isinstance(fn, torch.distributions.TransformedDistribution):
        return True
    try:
        fn.log_prob(value.clone())
    except (KeyError, NotImplementedError):
        return False
    return True
