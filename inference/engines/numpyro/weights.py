"""Gradients of weighted draws on NumPyro: the pair is written out twice, and runs once."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax, random

from inference.engines.numpyro.draws import sum_of
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.ops import Ops
from inference.engines.numpyro.passes import Passes
from inference.engines.numpyro.traces import samples, traces
from inference.program.masked_draws import left_out_later
from inference.program.program import split_weights


class Weights(Passes):
    """Passes whose draws are weighed; see `Passes`."""

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Array], tuple[Array, Array]],
        *,
        through_draws_only: bool,
        exact: bool = False,
    ) -> tuple[Array, Array]:
        """See `inference.program.program.Program.weighted`.

        The pair is written out twice, once to find the weights and once with the draws' gradient
        scaled by them; compilation merges what the two have in common, which is everything but the
        backward pass.
        """
        keys = random.split(self.next_key(num_particles), num_particles)
        first = jax.vmap(functools.partial(self.particle, steer=Steer, divergences=False))
        result = first(keys, {})
        self.carried.networks = jax.tree.map(lambda leaf: leaf[0], result["mutable"])
        self.scale = self.frames.outside if result["scale"] is None else result["scale"][0]
        log_p, log_q = (sum_of(result[name].values()) for name in ("log_p", "log_q"))
        log_w = lax.stop_gradient(log_p - log_q)
        weights = lax.stop_gradient(weigh(log_w))
        model_weight, factor = split_weights(*weights, Ops)
        values = {site.name: result["values"][site.name] for site in self.structure.proposals}
        masks = result["masks"] if through_draws_only else {}
        late = self._left_out_later(masks, values) if exact else None
        if late is not None:
            factor = jnp.where(late, 1.0, factor)
        log_p, log_q_through = jax.vmap(self._scores_of_leaves)(keys, values, factor, masks)
        if late is not None:
            log_q_through = jnp.where(late, log_q, log_q_through)
        if through_draws_only:
            term = _weighed(model_weight, log_p - log_q_through)
        else:
            term = _weighed(model_weight, log_p) - _weighed(weights[1], log_q)
        term = jnp.where(jnp.isinf(lax.stop_gradient(term)), 0.0, term)
        return log_w, term - lax.stop_gradient(term)

    def _left_out_later(self, masks: dict[str, Array], values: dict[str, Array]) -> Array | None:
        """See `left_out_later`."""
        # Of rows that an obs_mask= takes from a site nothing follows.
        masks = {name: mask for name, mask in masks.items() if name not in self.frames.counted}
        if not masks or len(self.structure.proposals) < 2:
            return None
        whole = {n: jnp.broadcast_to(mask, values[n].shape) for n, mask in masks.items()}
        counted = {n: part.astype(jnp.float32) for n, part in self.frames.padded(whole).items()}
        return left_out_later(self.structure, counted)

    def _scores_of_leaves(
        self, key: Array, values: dict[str, Array], factor: Array, masks: dict[str, Array]
    ) -> tuple[Array, Array]:
        """log p and log q at copies of a draw; the guide's parameters have no gradient.

        A draw that is masked is in no weight by its log q, and keeps the gradient that it has. To
        the densities of draws that follow from it, it is what a parameter is.
        """
        sites = {site.name: site for site in self.structure.proposals}
        scaled = {
            name: _scaled(value, self.structure.spread(factor[None], sites[name])[0])
            for name, value in values.items()
        }
        scaled |= {n: jnp.where(mask, scaled[n], values[n]) for n, mask in masks.items()}
        steer = functools.partial(Steer, values=scaled)
        params = dict(self.params)
        held = lax.stop_gradient(params)
        pair = self.model, self.guide, self.args, self.kwargs
        both = traces(key, params, *pair, steer, held)
        self.frames.note_scale(both[1])
        if masks and len(values) > 1:
            own = {
                n: jnp.where(mask, scaled[n], lax.stop_gradient(values[n]))
                for n, mask in masks.items()
            }
            steer = functools.partial(Steer, values=scaled | own)
            both = traces(key, params, *pair, steer, held)[0], both[1]
        log_q, log_p = (
            sum_of(self.frames.log_prob(site) for _, site in samples(each)) for each in both
        )
        return log_p, log_q


def _weighed(weight: Array, value: Array) -> Array:
    """weight * value, zero where the weight is, though the value be -inf."""
    return weight * jnp.where(weight == 0, 0.0, value)


@jax.custom_vjp
def _scaled(value: Array, factor: Array) -> Array:
    """The value; its gradient is multiplied by the factor."""
    return value


def _scaled_forward(value: Array, factor: Array) -> tuple[Array, Array]:
    return value, factor


def _scaled_backward(factor: Array, gradient: Array) -> tuple[Array, Array]:
    return (gradient * factor).reshape(gradient.shape), jnp.zeros_like(factor)


_scaled.defvjp(_scaled_forward, _scaled_backward)
