"""From the log densities of sites to terms of a datum on NumPyro: scales, plates, shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from inference.engines.numpyro import discrete
from inference.engines.numpyro.traces import Trace, samples, scale_of
from inference.program.obs_masks import drawn_in_part
from inference.program.structure import Structure


class Frames:
    """The plates and scales of a pair, for what its runs give.

    Attributes:
        structure: the sites and plates.
        outside: the scale that stays outside of the weights, as a site has it; the last run's.
        nil: where it was zero and could be no divisor: there what has that scale counts nothing,
            and all else as much as its own scale says; None of a plain number.
        counted: by site that is drawn for a part of the rows, for which; the last run's.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.outside: Any = 1.0
        self.nil: Any = None
        self.counted: dict[str, Any] = {}

    def note_scale(self, model_trace: Trace) -> Array | None:
        """Note what multiplies a datum's bound: one scale of all its sites, or the shared plates'.

        Found for each run, because the weights of rows may come with the batch; (N,) or a scalar
        if it is no plain number. Note for which rows there is a latent, too.
        """
        sites = dict(samples(model_trace))
        self.counted = {n: discrete.mask_of(sites[n]["fn"]) for n in drawn_in_part(sites)}
        weighing = (site for n, site in samples(model_trace) if n in self.structure.unscaled)
        site = next(weighing, None)
        self.outside, self.nil = self.structure.scale if site is None else scale_of(site), None
        if isinstance(self.outside, jax.Array):
            self.nil = self.outside == 0
            self.outside = jnp.where(self.nil, 1.0, self.outside)
        if jnp.ndim(self.outside) == 0:
            return self.outside if isinstance(self.outside, jax.Array) else None
        framed = self.structure.framed(jnp.asarray(self.outside))
        return jnp.broadcast_to(framed, self.structure.row_shape).reshape(-1)

    def log_prob(self, site: Mapping[str, Any]) -> Array:
        """The log density of a site's value per datum: (N,)."""
        return self.per_datum(density(site), site)

    def per_datum(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """Apply the scale and sum the plates that are not shared: (N,)."""
        log_prob = self._scaled(log_prob, site)
        shared = self.structure.shared_plates
        rank = max([jnp.ndim(log_prob), *(-plate.dim for plate in shared)])
        log_prob = jnp.reshape(log_prob, (1,) * (rank - jnp.ndim(log_prob)) + jnp.shape(log_prob))
        kept = {plate.dim % rank for plate in shared}
        private = tuple(dim for dim in range(rank) if dim not in kept)
        return log_prob.sum(private).reshape(-1)

    def cell(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """A log density entry by entry, (*batch,)."""
        return self.structure.framed(self._scaled(log_prob, site))

    def padded(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """(K, *batch, *event) with as many batch dimensions as the deepest site has."""
        shaped = {}
        for name, value in values.items():
            site = self.structure.guide.get(name) or self.structure.model[name]
            beyond = value.shape[1 + len(site.batch_shape + site.event_shape) :]  # of integers
            shaped[name] = value.reshape(len(value), *self.structure.padded_shape(site), *beyond)
        return shaped

    def unpadded(self, name: str, value: Array) -> Array:
        """A value of one particle, (*batch, *event) as its site has it."""
        site = self.structure.model.get(name) or self.structure.guide[name]
        return value.reshape(site.batch_shape + site.event_shape)

    def flat(self, value: Array, name: str) -> Array:
        """An observed value as (N, D), in real numbers."""
        site = self.structure.model[name]
        own = site.batch_shape + site.event_shape
        shape = jnp.broadcast_shapes(jnp.shape(value), own)
        batch = len(shape) - len(site.event_shape)  # data may have more dimensions than their law
        plates = self.structure.nested.shared_plates  # of the data, globals or not
        kept = [batch + plate.dim for plate in plates]
        rest = [dim for dim in range(len(shape)) if dim not in kept]
        size = math.prod(plate.size for plate in plates)
        whole = jnp.broadcast_to(value, shape)
        return whole.transpose(*kept, *rest).reshape(size, -1).astype(jnp.result_type(float))

    def _scaled(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """Times the site's scale, as far as that is not outside: see total()."""
        if site["name"] in self.counted:
            log_prob = jnp.where(self.counted[site["name"]], log_prob, 0.0)
        if site["name"] in self.structure.unscaled:
            return log_prob if self.nil is None else jnp.where(self.nil, 0.0, log_prob)
        scale = _ratio(scale_of(site), self.outside)
        return log_prob if isinstance(scale, (int, float)) and scale == 1 else scale * log_prob


def density(site: Mapping[str, Any]) -> Array:
    """The log density of a site's value with its mask, before scale and sums."""
    if site.get("soft"):
        return discrete.relaxed_log_prob(site["fn"], site["value"])
    if site.get("intermediates"):
        return site["fn"].log_prob(site["value"], site["intermediates"])
    # Of data, thousands of entries a step, NumPyro's own slope by logits is taken.
    usual = discrete.within_range if site["is_observed"] else discrete.with_slopes
    return usual(site["fn"]).log_prob(site["value"])


def _ratio(scale: Any, outside: Any) -> Any:
    known = isinstance(outside, (int, float))
    return scale if known and outside == 1 else scale / outside
