"""From the log densities of sites to terms of a datum on Pyro: masks, scales, plates, shapes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from pyro.distributions.util import scale_and_mask
from torch import Tensor

from inference.engines.pyro import discrete
from inference.engines.pyro.traces import plain_scale
from inference.program.obs_masks import drawn_in_part
from inference.program.program import OtherSitesError
from inference.program.scales import in_words, same_scale
from inference.program.structure import Structure


class Frames:
    """The plates and scales of a pair, for what its runs give.

    Attributes:
        structure: the sites and plates.
        outside: the scale that stays outside of the weights; the last run's.
        nil: where it was zero and could be no divisor: there what has that scale counts nothing,
            and all else as much as its own scale says; None of a plain number.
        counted: by site that is drawn for a part of the rows, for which; the last run's.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.outside: Any = structure.scale
        self.nil: Tensor | None = None
        self.counted: dict[str, Any] = {}
        self._shared = structure.shared_plates

    def note_scale(self, model: Mapping[str, Any], guide: Mapping[str, Any]) -> None:
        """Note what multiplies a datum's bound, and that all its sites still agree on it.

        Note for which rows there is a latent, too.

        Found for each run, because a weight of rows, or a factor that rises with the steps, may
        come with the batch.

        Raises:
            OtherSitesError: naming the first site that does not: the pair is to be looked at again.
        """
        self.counted = {name: model[name]["mask"] for name in drawn_in_part(model)}
        sites = itertools.chain(model.items(), guide.items())
        weighing = [(n, site["scale"]) for n, site in sites if n in self.structure.unscaled]
        self.nil = None
        if not weighing:
            self.outside = self.structure.scale
            return
        first, self.outside = weighing[0]
        for name, scale in weighing:
            if not _equal(scale, self.outside):
                raise OtherSitesError(
                    f"site {name!r} has scale {in_words(plain_scale(scale))} and {first!r} "
                    f"{in_words(plain_scale(self.outside))}, which were equal in an earlier "
                    "batch or draw. Fit the batches in which all sites of a datum have one scale "
                    "on their own; where a draw decides the size of a plate, use ELBO() or NVIL()."
                )
        if isinstance(self.outside, Tensor):
            self.nil = self.outside == 0
            self.outside = torch.where(self.nil, 1.0, self.outside)

    def total(self, per_datum: Tensor) -> Tensor:
        """Sum (N,) over the data, times what scales a datum."""
        scale = self.outside
        if isinstance(scale, Tensor) and scale.dim():
            shape = self.structure.row_shape
            return (per_datum * self.structure.framed(scale).expand(shape).reshape(-1)).sum()
        return per_datum.sum() * scale

    def log_prob(self, site: Mapping[str, Any]) -> Tensor:
        """The log density of a site's value per datum: (K, N)."""
        return self.per_datum(density(site), site)

    def per_datum(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Apply mask and scale and sum the plates that are not shared: (K, N)."""
        log_prob = self.framed(self._scaled(log_prob, site))
        rank = self.structure.nesting + 1
        kept = {0} | {plate.dim % rank for plate in self._shared}
        private = [dim for dim in range(rank) if dim not in kept]
        return (log_prob.sum(private) if private else log_prob).reshape(len(log_prob), -1)

    def cell(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """A log density entry by entry, (K, *batch)."""
        return self.framed(self._scaled(log_prob, site))

    def framed(self, log_prob: Tensor) -> Tensor:
        """With as many batch dimensions as the deepest site has, behind that of the particles."""
        rank = self.structure.nesting + 1
        return log_prob.reshape((1,) * (rank - log_prob.dim()) + log_prob.shape)

    def padded(self, name: str, value: Tensor) -> Tensor:
        """(K, *batch, *event) with as many batch dimensions as the deepest site has."""
        site = self.structure.guide.get(name) or self.structure.model[name]
        more = 1 if site.family == "categorical" and value.is_floating_point() else 0
        beyond = value.shape[len(value.shape) - more :]  # the logits of integers
        shape = (*self.structure.padded_shape(site), *beyond)
        if value.numel():
            return value.reshape(-1, *shape)
        # A latent without entries, such as the weights of no covariates, does not say how many.
        return value.reshape(value.shape[0] if value.dim() > len(shape) else 1, *shape)

    def unpadded(self, name: str, value: Tensor) -> Tensor:
        """The only particle of a value, (*batch, *event) as its site has it."""
        site = self.structure.model.get(name) or self.structure.guide[name]
        return value[0].reshape(site.batch_shape + site.event_shape)

    def flat(self, value: Tensor, name: str) -> Tensor:
        """An observed value as (N, D)."""
        site = self.structure.model[name]
        plates = self.structure.nested.shared_plates  # of the data, globals or not
        shape = torch.broadcast_shapes(value.shape, site.batch_shape + site.event_shape)
        batch = len(shape) - len(site.event_shape)  # data may have more dimensions than their law
        kept = [batch + plate.dim for plate in plates]
        rest = [dim for dim in range(len(shape)) if dim not in kept]
        size = math.prod(plate.size for plate in plates)
        whole = value.expand(shape)
        return whole.permute(*kept, *rest).reshape(size, -1)

    def _scaled(self, log_prob: Tensor, site: Mapping[str, Any]) -> Tensor:
        """Times mask and scale, the latter as far as it is not outside: see total()."""
        scale: Any = 1.0
        if site["name"] not in self.structure.unscaled:
            scale, outside = site["scale"], self.outside
            if isinstance(outside, Tensor) or outside != 1:
                scale = scale / outside
        elif self.nil is not None:
            log_prob = torch.where(self.nil, 0.0, log_prob)
        if site["name"] in self.counted:
            log_prob = scale_and_mask(log_prob, 1.0, self.counted[site["name"]])
        if site["mask"] is not None or not (isinstance(scale, (int, float)) and scale == 1):
            log_prob = scale_and_mask(log_prob, scale, site["mask"])
        return log_prob


def density(site: Mapping[str, Any]) -> Tensor:
    """The log density of a site's value, before mask, scale and sums."""
    if (site["infer"] or {}).get("soft"):
        return discrete.relaxed_log_prob(site["fn"], site["value"])
    return site["fn"].log_prob(site["value"])


def _equal(one: Any, other: Any) -> bool:
    """Whether two scales are equal; numbers at once, because every step asks."""
    if one is other or (isinstance(one, float | int) and isinstance(other, float | int)):
        return one is other or one == other
    return same_scale(plain_scale(one), plain_scale(other))
