"""Finite discrete distributions on Pyro: their logits, and relaxed draws of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.util import scale_and_mask
from torch import Tensor

from inference.program.distributions import support_of

_WRAPPERS = (
    torch.distributions.Independent,
    dist.MaskedDistribution,
    dist.ExpandedDistribution,
)


def family(fn: Any) -> tuple[str, int]:
    """The family of a distribution and how many values one element takes; empty if it has none."""
    base = _base(fn)
    if isinstance(base, torch.distributions.Bernoulli):
        return "bernoulli", 2
    if isinstance(base, torch.distributions.Categorical):
        return "categorical", int(base.logits.shape[-1])
    if isinstance(base, torch.distributions.OneHotCategorical) or (
        isinstance(base, torch.distributions.Multinomial) and base.total_count == 1
    ):
        return "one-hot", int(base.event_shape[-1])
    return "", 0


def support(fn: Any) -> Any:
    """The constraint on a distribution's values; None where it does not say.

    Torch scores counts of any total under a multinomial, and Pyro's own programs rely on it.
    """
    if isinstance(_base(fn), torch.distributions.Multinomial):
        return constraints.independent(constraints.nonnegative_integer, 1)
    return support_of(fn)


def logits(fn: Any) -> Tensor:
    """The logits of a discrete family, normalised where there are several values per element."""
    base = _base(fn)
    name, cardinality = family(fn)
    shape = fn.batch_shape + fn.event_shape
    if name == "bernoulli":
        return base.logits.expand(shape)
    return base.logits.log_softmax(-1).expand(shape if name == "one-hot" else (*shape, cardinality))


def relaxed_draw(fn: Any, temperature: Any, *, hard: bool) -> Tensor:
    """A Concrete draw; with `hard` its value is discrete and its gradient the relaxed draw's."""
    alpha = logits(fn)
    uniform = torch.rand_like(alpha).clamp_min(torch.finfo(alpha.dtype).tiny)
    if family(fn)[0] == "bernoulli":
        z = alpha + uniform.logit(1e-7)
        soft = torch.sigmoid(z / temperature)
        snapped = (z > 0).to(soft.dtype)
    else:
        z = alpha - (-uniform.log()).log()
        soft = torch.softmax(z / temperature, -1)
        snapped = torch.nn.functional.one_hot(z.argmax(-1), alpha.shape[-1]).to(soft.dtype)
    return soft + (snapped - soft).detach() if hard else soft


def relaxed_log_prob(fn: Any, value: Tensor) -> Tensor:
    """The log probability, extended linearly from discrete to relaxed values; batch-shaped."""
    if isinstance(fn, dist.MaskedDistribution):
        inner = relaxed_log_prob(fn.base_dist, value)
        return scale_and_mask(inner, mask=fn._mask)
    if isinstance(fn, torch.distributions.Independent):
        inner = relaxed_log_prob(fn.base_dist, value)
        count = fn.reinterpreted_batch_ndims
        return inner.sum(tuple(range(-count, 0))) if count else inner
    if isinstance(fn, dist.ExpandedDistribution):
        return relaxed_log_prob(fn.base_dist, value)
    alpha = logits(fn)
    # Of a value that is never taken, and is not: 0 log 0 = 0.
    none = (value == 0) & (alpha == -torch.inf)
    taken = value * torch.where(none, 0.0, alpha)
    if family(fn)[0] == "bernoulli":
        return taken - torch.nn.functional.softplus(alpha)
    return taken.sum(-1)


def scored_entries(site: Mapping[str, Any]) -> Tensor | None:
    """Which entries of a draw its density counts, in a shape that broadcasts over the draw.

    None where neither a handler nor the distribution itself masks any.
    """
    masks, fn = [(site["mask"], site["fn"])], site["fn"]
    while isinstance(fn, _WRAPPERS):
        if isinstance(fn, dist.MaskedDistribution):
            masks.append((fn._mask, fn))
        fn = fn.base_dist
    found = None
    for mask, of in masks:
        if mask is None or mask is True:
            continue
        mask = torch.as_tensor(mask, device=site["value"].device)
        mask = mask.reshape(mask.shape + (1,) * len(of.event_shape))
        found = mask if found is None else found & mask
    return found


def unmasked(fn: Any) -> Any:
    """The distribution without the masks that are wrapped around it."""
    if isinstance(fn, dist.MaskedDistribution):
        return unmasked(fn.base_dist)
    if isinstance(fn, (torch.distributions.Independent, dist.ExpandedDistribution)):
        inner = unmasked(fn.base_dist)
        if inner is fn.base_dist:
            return fn
        if isinstance(fn, torch.distributions.Independent):
            return dist.Independent(inner, fn.reinterpreted_batch_ndims)
        return inner.expand(fn.batch_shape)
    return fn


def _base(fn: Any) -> Any:
    while isinstance(fn, _WRAPPERS):
        fn = fn.base_dist
    return fn
