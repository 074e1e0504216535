"""Missing values under a program's own mask, filled in where a site scores them."""

from __future__ import annotations

from typing import Any

import torch
from pyro.distributions.torch_distribution import MaskedDistribution
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import biject_to


class Fill(Messenger):
    """Gives what an observed site's mask hides a value in the support, where it is NaN.

    The density of such a value does not count. Its gradient would all the same be zero times NaN
    in torch, and so NaN for every parameter; NumPyro's masks fill in likewise. The program itself
    still sees the NaN, by which it may know what to mask.
    """

    def _pyro_sample(self, msg: Any) -> None:
        value = msg["value"]
        if not msg["is_observed"] or not isinstance(value, Tensor):
            return
        if not value.is_floating_point() or not bool((missing := value.isnan()).any()):
            return
        hidden = missing & ~_seen(msg["fn"], msg["mask"])
        msg["value"] = torch.where(hidden, _feasible(msg["fn"], value), value)
        msg["infer"] = {**(msg["infer"] or {}), "given": value}


def _seen(fn: Any, mask: Any) -> Tensor:
    """What counts of a site's value, by the mask of a handler and of the distribution."""
    seen = torch.tensor(True)
    if mask is not None:
        seen = _beside_event(mask, fn.event_dim)
    while fn is not None:
        if isinstance(fn, MaskedDistribution):
            seen = seen & _beside_event(fn._mask, fn.event_dim).to(seen.device)
        fn = getattr(fn, "base_dist", None)
    return seen


def _beside_event(mask: Any, event_dim: int) -> Tensor:
    mask = torch.as_tensor(mask, dtype=torch.bool)
    return mask.reshape(mask.shape + (1,) * event_dim)


def _feasible(fn: Any, value: Tensor) -> Tensor:
    support = fn.support
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    try:
        return biject_to(support)(torch.zeros_like(value))
    except NotImplementedError:  # discrete ones
        low = torch.as_tensor(getattr(support, "lower_bound", 0.0), dtype=value.dtype)
        return low.to(value.device).expand_as(value)
