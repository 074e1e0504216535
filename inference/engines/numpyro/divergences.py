"""KL divergences in closed form on NumPyro, for the families that were checked against sampling.

Upstream has a formula for every pair of distributions that dispatch finds, and some are not the
divergence that a bound needs: that of Kumaraswamy and Beta is a short series, masks of the two
sides are merged, and a subclass is taken for its parent. What is not listed here is sampled, which
is right for any law.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, lax
from jax.core import Tracer
from numpyro.distributions.kl import kl_divergence

CHECKED = (
    (dist.Normal, dist.Normal),
    (dist.MultivariateNormal, dist.MultivariateNormal),
    (dist.Gamma, dist.Gamma),
    (dist.Weibull, dist.Gamma),
    (dist.Beta, dist.Beta),
    (dist.Dirichlet, dist.Dirichlet),
    (dist.CategoricalProbs, dist.CategoricalProbs),
)
"""Families of q and p whose closed form equals the sampled divergence."""


def divergence(guide_site: Mapping[str, Any], model_site: Mapping[str, Any]) -> Array | None:
    """KL(q || p) at a site without its scale, in its batch shape; None: sample it.

    Both sides must count the same elements, as often: with different batch shapes or scales, what
    is wanted is no divergence.
    """
    q, p = guide_site["fn"], model_site["fn"]
    if q.batch_shape != p.batch_shape or not _equal(guide_site["scale"], model_site["scale"]):
        return None
    return closed_form(q, p, guide_site["value"])


def closed_form(q: Any, p: Any, value: Any) -> Array | None:
    """KL(q || p) in q's batch shape, if one is known that is right; otherwise None.

    Args:
        q: distribution of the guide's site.
        p: distribution of the model's site.
        value: the guide's draw, at which elements are scored that a mask leaves to one side alone.
    """
    if q.event_shape != p.event_shape:
        return None
    if type(q) is dist.Delta:
        return q.log_density - p.log_prob(q.v)
    if type(q) is dist.ExpandedDistribution or type(p) is dist.ExpandedDistribution:
        shape = lax.broadcast_shapes(q.batch_shape, p.batch_shape)
        known = closed_form(_inside(q), _inside(p), value)
        return None if known is None else jnp.broadcast_to(known, shape)
    masked = [type(fn) is dist.MaskedDistribution for fn in (q, p)]
    if any(masked):
        return _masked(q, p, value)
    if type(q) is dist.Independent:
        return _independent(q, p, value) if type(p) is dist.Independent else None
    if not any(type(q) is ours and type(p) is theirs for ours, theirs in CHECKED):
        return None
    if type(q) is dist.CategoricalProbs:
        return _categorical(q, p)
    return jnp.where(_positive(q) & _positive(p), kl_divergence(q, p), jnp.nan)


def _positive(fn: Any) -> Array:
    """Where the parameters that must be positive are so.

    The formulas give a number for a scale of -1, too, as they know squares and ratios alone.
    """
    right = jnp.asarray(True)
    for name, constraint in fn.arg_constraints.items():
        inner = getattr(constraint, "base_constraint", constraint)
        if inner is dist.constraints.positive:
            each = jnp.asarray(getattr(fn, name)) > 0
            right &= each if inner is constraint else each.all(-1)
    return right


def _categorical(q: Any, p: Any) -> Array:
    """KL(q || p) with nothing added, to its gradient neither, by values that q never takes.

    Upstream's value is right there, and its gradient is zero times infinity. Where q takes values
    that p does not, the divergence is infinite and has no gradient.
    """
    never, excluded = q.probs == 0, p.logits == -jnp.inf
    apart = jnp.where(never, 0.0, q.logits) - jnp.where(never | excluded, 0.0, p.logits)
    known = (q.probs * apart).sum(-1)
    return jnp.where((excluded & ~never).any(-1), jnp.inf, known)


def _independent(q: Any, p: Any, value: Any) -> Array | None:
    if q.reinterpreted_batch_ndims != p.reinterpreted_batch_ndims:
        return None
    known = closed_form(q.base_dist, p.base_dist, value)
    if known is None:
        return None
    shape = lax.broadcast_shapes(q.base_dist.batch_shape, p.base_dist.batch_shape)
    return jnp.broadcast_to(known, shape).sum(tuple(range(-q.reinterpreted_batch_ndims, 0)))


def _masked(q: Any, p: Any, value: Any) -> Array | None:
    """The closed form where both sides count, log q - log p of the draw where one alone does.

    Compiled masks cannot be compared, so that all are treated alike.
    """
    (inner_q, mask_q), (inner_p, mask_p) = _unmasked(q), _unmasked(p)
    known = closed_form(inner_q, inner_p, value)
    if known is None:
        return None
    return jnp.where(mask_q & mask_p, known, q.log_prob(value) - p.log_prob(value))


def _unmasked(fn: Any) -> tuple[Any, Any]:
    if type(fn) is dist.MaskedDistribution:
        return fn.base_dist, jnp.asarray(fn._mask, dtype=bool)
    return fn, jnp.asarray(True)


def _inside(fn: Any) -> Any:
    return fn.base_dist if type(fn) is dist.ExpandedDistribution else fn


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    compiled = (Tracer, type(None))
    if isinstance(one, compiled) or isinstance(other, compiled):
        return False
    return bool(np.all(np.asarray(one) == np.asarray(other)))
