"""A look at a NumPyro pair on a batch: what its sites and plates are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random
from jax.core import Tracer
from numpyro.distributions import (
    Delta,
    ExpandedDistribution,
    Independent,
    MaskedDistribution,
    MultinomialLogits,
    MultinomialProbs,
    TransformedDistribution,
)

from inference.descriptions import has
from inference.engines.numpyro import discrete
from inference.engines.numpyro.computed_scales import Scales, described
from inference.engines.numpyro.factors import is_factor, sources
from inference.engines.numpyro.ops import Ops
from inference.engines.numpyro.points import direct_parts
from inference.engines.numpyro.scans import stepwise
from inference.engines.numpyro.sketch import sketched
from inference.engines.numpyro.traces import (
    Trace,
    parameters_in,
    rows_in,
    run,
    samples,
    scale_of,
    state_kept,
    traces,
)
from inference.program.angles import is_angle
from inference.program.batches import kept_of, rows_among
from inference.program.distributions import (
    any_order,
    comes_with_rows,
    flatness,
    innermost,
    is_discrete,
    one_order,
    says,
    sequential_part,
    support_of,
    unwrapped,
)
from inference.program.sites import Plate, Site
from inference.program.structure import Structure, can_draw

_PLAIN = ("numpyro.distributions.continuous", "numpyro.distributions.discrete")
_WRAPPERS = (ExpandedDistribution, Independent, MaskedDistribution)


def inspect(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Run the pair once, or trace it where no value matters, and describe its sites."""
    draws, kept = can_draw(model), kept_of(model)

    def on(rows: tuple[Any, ...]) -> Structure:
        return inspect(model, guide, tuple(map(jnp.asarray, rows)), kwargs)

    def of(guide_trace: Trace, model_trace: Trace, given: tuple[Any, ...]) -> Structure:
        return describe(guide_trace, model_trace, given, can_draw=draws, kept=kept)

    if not kwargs and (sketch := sketched(model, guide, args, of)):
        return replace(sketch, on=on)
    both = traces(random.PRNGKey(0), {}, model, guide, args, kwargs)
    factors = sources(model, both[1], args, kwargs)
    direct = direct_parts(guide, both[0], args, kwargs)
    found = describe(*both, args, can_draw=draws, factors=factors, kwargs=kwargs, kept=kept)
    found = found.with_stepwise(stepwise(guide, both[0], args, kwargs))
    fixed = _fixed(guide, both[0], args, kwargs)
    return replace(found, on=on, fixed=fixed).with_direct(direct)


def _fixed(
    guide: Callable[..., Any], guide_trace: Trace, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> frozenset[str]:
    """Points of a guide that have the same values in two draws of the same rows."""
    points = {n for n, s in samples(guide_trace) if isinstance(innermost(s["fn"]), Delta)}
    if not points:
        return frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = parameters_in(guide_trace) | rows_in(guide_trace)
        again = run(guide, random.PRNGKey(1), args, kwargs, params=held).proposals
    pairs = {n: (guide_trace[n]["value"], again[n]["value"]) for n in points & set(again)}
    return frozenset(n for n, (one, other) in pairs.items() if bool(jnp.array_equal(one, other)))


def describe(
    guide_trace: Trace,
    model_trace: Trace,
    args: tuple[Any, ...],
    *,
    can_draw: bool,
    factors: Mapping[str, tuple[str, ...]] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    kept: int = 0,
    scales: tuple[Scales, Scales] = ({}, {}),
) -> Structure:
    """Sites and plates of two traces, given what the model's factors are computed from.

    Of scales that have no value yet, too: see `computed_scales`.
    """
    known = factors or {}
    of_guide, of_model = scales
    full = {
        name: site["args"][0]
        for name, site in (*guide_trace.items(), *model_trace.items())
        if site["type"] == "plate"
    }
    missing = any(map(_has_nan, args))
    with state_kept(guide_trace, model_trace):
        model = {
            name: _site(
                name, site, full, args, known.get(name), missing=missing, scales=of_model.get(name)
            )
            for name, site in samples(model_trace)
        }
        guide = {
            name: _site(name, site, full, args, missing=missing, scales=of_guide.get(name))
            for name, site in samples(guide_trace)
        }
    return Structure(
        model=model,
        guide=guide,
        can_draw=can_draw,
        kept=kept,
        labelled=any(has(arg, "dtype") and not Ops.is_real(arg) for arg in args[1:]),
        rows=rows_among(args, kwargs or {}),
    ).check_scales()


def _has_nan(arg: Any) -> bool:
    """Whether an array has missing values, as far as it is known and not being compiled for."""
    known = has(arg, "dtype") and not isinstance(arg, Tracer)
    return known and jnp.issubdtype(arg.dtype, jnp.floating) and bool(np.isnan(arg).any())


def _is_nan(site: Mapping[str, Any]) -> bool:
    found = jnp.isnan(site["fn"].log_prob(site["value"])).any()
    return not isinstance(found, Tracer) and bool(found)


def _site(
    name: str,
    site: Mapping[str, Any],
    full: Mapping[str, int],
    args: tuple[Any, ...],
    factor: tuple[str, ...] | None = None,
    *,
    missing: bool = False,
    scales: list[Any] | None = None,
) -> Site:
    support = support_of(site["fn"])
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    positions = [position for position, arg in enumerate(args) if arg is site["value"]]
    plates = frozenset(
        Plate(frame.name, frame.dim, int(frame.size), int(full.get(frame.name, frame.size)))
        for frame in site["cond_indep_stack"]
    )
    return Site(
        name=name,
        observed=bool(site["is_observed"]),
        # A custom class without arg_constraints has has_rsample, whatever it draws.
        reparameterised=bool(site["fn"].has_rsample) and not is_discrete(support),
        event_shape=tuple(site["fn"].event_shape),
        batch_shape=tuple(site["fn"].batch_shape),
        plates=plates,
        auxiliary=bool(site["infer"].get("is_auxiliary", False)),
        support=type(support).__name__.strip("_").lower(),
        inside=None if support is None else lambda a: np.asarray(support(a)),
        argument=positions[0] if positions else None,
        family=discrete.family(site["fn"])[0],
        cardinality=discrete.family(site["fn"])[1],
        training_only=bool(site["infer"].get("training_only", False)),
        scorable=_scorable(site["fn"], site["value"]),
        enumerated=bool(site["infer"].get("enumerate")),
        scale=_described(site, full, scales),
        value_shape=tuple(jnp.shape(site["value"])),
        density_shape=_density_shape(site),
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
        totals_unknown=_totals_unknown(site["fn"]),
        is_nan=missing and _is_nan(site),
        point=isinstance(innermost(site["fn"]), Delta) or says(site["fn"], "point"),
        angle=is_angle(site["fn"]),
        flat=flatness(site["fn"]),
    )


def _totals_unknown(fn: Any) -> bool:
    base = innermost(fn)
    if not isinstance(base, (MultinomialLogits, MultinomialProbs)) or base.total_count_max:
        return False
    count = base.total_count
    return isinstance(count, Tracer) or np.unique(count).size > 1


def _described(site: Mapping[str, Any], full: Mapping[str, int], scales: list[Any] | None) -> Any:
    """A site's scale as a `Site` has it."""
    scale = scale_of(site)
    if not isinstance(scale, Tracer):
        found = np.asarray(scale, dtype=np.float64)
        return found if found.ndim else float(found)
    plates = math.prod(full.get(f.name, f.size) / f.size for f in site["cond_indep_stack"])
    own = [f"of {site['name']}"] if scales is None else scales  # equal to none but itself
    return described(own, plates, jnp.shape(scale))


def _density_shape(site: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The shape of a log density; None where there is none, which others report in better words.

    Of NumPyro's own laws it is worked out by the rule that they keep, which saves writing out each
    density once more.
    """
    fn, value = site["fn"], tuple(jnp.shape(site["value"]))
    parts = [type(part) for part in unwrapped(fn)]
    events = len(value) - len(fn.event_shape)
    fits = events >= 0 and value[events:] == tuple(fn.event_shape)
    if fits and all(part in _WRAPPERS or part.__module__ in _PLAIN for part in parts):
        return _together(value[:events], tuple(fn.batch_shape))
    given = (site["intermediates"],) if site.get("intermediates") else ()
    try:
        found: Any = jax.eval_shape(lambda: site["fn"].log_prob(site["value"], *given))
        return tuple(found.shape)
    except Exception:
        return None


def _together(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return tuple(jnp.broadcast_shapes(*shapes))
    except ValueError:
        return None


def _scorable(fn: Any, value: Array) -> bool:
    """Whether a flow's draw has a density without what was worked out when it was drawn."""
    if not isinstance(fn, TransformedDistribution):
        return True
    try:
        fn.log_prob(value)
    except NotImplementedError:
        return False
    return True
