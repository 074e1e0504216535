"""KL divergences in closed form on Pyro, for the families that were checked against sampling.

Upstream has a formula for every pair of distributions that dispatch finds, and some are not the
divergence that a bound needs: that of a Delta leaves out its log density, masks of the two sides
are merged, a folded distribution is taken for what it was folded from, and a subclass is taken for
its parent. What is not listed here is sampled, which is right for any law.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import kl_divergence

_NAMES = (
    ("Normal", "Normal"),
    ("LogNormal", "LogNormal"),
    ("HalfNormal", "HalfNormal"),
    ("Laplace", "Laplace"),
    ("Cauchy", "Cauchy"),
    ("Gumbel", "Gumbel"),
    ("Exponential", "Exponential"),
    ("Gamma", "Gamma"),
    ("Beta", "Beta"),
    ("Dirichlet", "Dirichlet"),
    ("Pareto", "Pareto"),
    ("Uniform", "Uniform"),
    ("MultivariateNormal", "MultivariateNormal"),
    ("LowRankMultivariateNormal", "LowRankMultivariateNormal"),
    ("LowRankMultivariateNormal", "MultivariateNormal"),
    ("MultivariateNormal", "LowRankMultivariateNormal"),
    ("Bernoulli", "Bernoulli"),
    ("Categorical", "Categorical"),
    ("OneHotCategorical", "OneHotCategorical"),
    ("Binomial", "Binomial"),
    ("Geometric", "Geometric"),
    ("Poisson", "Poisson"),
)
CHECKED = tuple((getattr(dist, ours), getattr(dist, theirs)) for ours, theirs in _NAMES)
"""Families of q and p whose closed form equals the sampled divergence."""

_INDEPENDENT = (dist.Independent, torch.distributions.Independent)


def divergence(guide_site: Mapping[str, Any], model_site: Mapping[str, Any]) -> Tensor | None:
    """KL(q || p) at a site without its plates' scale and mask, in its batch shape; None: sample it.

    Both sides must count the same elements, as often: with different batch shapes, scales or masks,
    what is wanted is no divergence.
    """
    q, p = guide_site["fn"], model_site["fn"]
    if q.batch_shape != p.batch_shape:
        return None
    if not all(_equal(guide_site[kind], model_site[kind]) for kind in ("scale", "mask")):
        return None
    return closed_form(q, p)


def closed_form(q: Any, p: Any) -> Tensor | None:
    """KL(q || p) in q's batch shape, if one is known that is right; otherwise None."""
    if q.event_shape != p.event_shape:
        return None
    if type(q) is dist.Delta:
        return q.log_density - p.log_prob(q.v)
    masked = [type(fn) is dist.MaskedDistribution for fn in (q, p)]
    if any(masked):
        return _masked(q, p) if all(masked) and _equal(q._mask, p._mask) else None
    if type(q) is dist.ExpandedDistribution or type(p) is dist.ExpandedDistribution:
        shape = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
        known = closed_form(_inside(q), _inside(p))
        return None if known is None else known.expand(shape)
    if type(q) in _INDEPENDENT:
        if type(p) in _INDEPENDENT:
            return _independent(q, p)
        normal = _is(q.base_dist, dist.Normal) and q.reinterpreted_batch_ndims == 1
        return kl_divergence(q, p) if normal and _is(p, dist.MultivariateNormal) else None
    if not any(_is(q, ours) and _is(p, theirs) for ours, theirs in CHECKED):
        return None
    if isinstance(q, torch.distributions.OneHotCategorical):
        return _categorical(q._categorical, p._categorical)
    if isinstance(q, torch.distributions.Categorical):
        return _categorical(q, p)
    try:
        return kl_divergence(q, p)
    except NotImplementedError:  # of some parameters, such as totals that differ
        return None


def _categorical(q: Any, p: Any) -> Tensor:
    """KL(q || p) with nothing added, to its gradient neither, by values that q never takes.

    Upstream's value is right there, and its gradient is zero times infinity. Where q takes values
    that p does not, the divergence is infinite and has no gradient.
    """
    never, excluded = q.probs == 0, p.logits == -torch.inf
    apart = torch.where(never, 0.0, q.logits) - torch.where(never | excluded, 0.0, p.logits)
    known = (q.probs * apart).sum(-1)
    return torch.where((excluded & ~never).any(-1), torch.inf, known)


def _independent(q: Any, p: Any) -> Tensor | None:
    if q.reinterpreted_batch_ndims != p.reinterpreted_batch_ndims:
        return None
    known = closed_form(q.base_dist, p.base_dist)
    if known is None:
        return None
    shape = torch.broadcast_shapes(q.base_dist.batch_shape, p.base_dist.batch_shape)
    return known.expand(shape).sum(tuple(range(-q.reinterpreted_batch_ndims, 0)))


def _masked(q: Any, p: Any) -> Tensor | None:
    known = closed_form(q.base_dist, p.base_dist)
    if known is None:
        return None
    mask = torch.as_tensor(q._mask, device=known.device)
    return torch.where(mask, known, torch.zeros_like(known))


def _inside(fn: Any) -> Any:
    return fn.base_dist if type(fn) is dist.ExpandedDistribution else fn


def _is(fn: Any, family: type) -> bool:
    """Whether it is of the family itself; a subclass may be another law."""
    return type(fn) in (family, getattr(torch.distributions, family.__name__, family))


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(*torch.broadcast_tensors(one, other))
    if one is None or other is None:
        return False
    return bool(torch.as_tensor(one == other).all())
