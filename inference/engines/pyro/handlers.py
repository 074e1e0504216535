"""A handler that decides the values of a program's latent sites."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from inference.engines.pyro.discrete import family, relaxed_draw, unmasked
from inference.program.program import Relaxation


def _as_drawn(fn: Any, value: Tensor) -> Tensor:
    """A value in the precision of the distribution's own draws, if that is the higher one."""
    if value.dtype != torch.float32:
        return value
    while (base := getattr(fn, "base_dist", None)) is not None:
        fn = base
    known = vars(fn).values()  # not all laws say which of these are their arguments
    double = any(isinstance(part, Tensor) and part.dtype == torch.float64 for part in known)
    return value.double() if double else value


class Steer(Messenger):
    """Gives latent sites fixed values, relaxed draws or detached draws, and plates their rows.

    It has to be the outermost handler, outside of `trace`, to see distributions as plates have
    expanded them and to hand its values to all others.

    Sites named in `whole` count without their mask: a sum over the values of a masked site would
    count it once for each value, where its density is to integrate to one.

    Sites named in `redrawn` are drawn before they are given their values, so that what networks
    draw from the same random state, such as dropout, is what they drew when the sites were drawn.
    """

    def __init__(
        self,
        *,
        values: Mapping[str, Tensor] | None = None,
        detach: bool = False,
        relax: Relaxation | None = None,
        whole: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.values, self.detach, self.relax = values or {}, detach, relax
        self.whole = whole
        self.redrawn: Collection[str] = ()

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self.whole:
            msg["fn"], msg["mask"] = unmasked(msg["fn"]), None
        given = site_is_subsample(msg) and msg["value"] is not None  # the batch, or a part of it
        decided = name in self.values and not msg["is_observed"] and not given
        if decided and name not in self.redrawn:
            msg["value"], msg["done"] = _as_drawn(msg["fn"], self.values[name]), True
        if msg["is_observed"] or site_is_subsample(msg) or self.relax is None:
            return
        if family(msg["fn"])[0] not in ("bernoulli", "one-hot"):
            return
        msg["infer"] = {**(msg["infer"] or {}), "soft": True}
        if not msg["done"]:
            msg["value"] = relaxed_draw(msg["fn"], self.relax.temperature, hard=self.relax.hard)
            msg["done"] = True

    def _pyro_post_sample(self, msg: Any) -> None:
        if msg["name"] in self.redrawn:
            msg["value"] = _as_drawn(msg["fn"], self.values[msg["name"]])
        if self.detach and not msg["is_observed"]:
            msg["value"] = msg["value"].detach()
