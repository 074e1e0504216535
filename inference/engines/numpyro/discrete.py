"""Finite discrete distributions on NumPyro: their logits, and relaxed draws of them."""

from __future__ import annotations

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import Array, random

_BESIDE_ZERO = 1e-30  # too small to change any density
_WRAPPERS = (dist.Independent, dist.ExpandedDistribution, dist.MaskedDistribution)


def family(fn: Any) -> tuple[str, int]:
    """The family of a distribution and how many values one element takes; empty if it has none."""
    base = _base(fn)
    if isinstance(base, (dist.BernoulliProbs, dist.BernoulliLogits)):
        return "bernoulli", 2
    if isinstance(base, (dist.CategoricalProbs, dist.CategoricalLogits)):
        return "categorical", int(jnp.shape(_logits(base))[-1])
    if isinstance(base, (dist.MultinomialProbs, dist.MultinomialLogits)) and _is_one(
        base.total_count
    ):
        return "one-hot", int(base.event_shape[-1])
    return "", 0


def logits(fn: Any) -> Array:
    """The logits of a discrete family, normalised where there are several values per element."""
    base = _base(fn)
    name, cardinality = family(fn)
    shape = tuple(fn.batch_shape) + tuple(fn.event_shape)
    if name == "bernoulli":
        return jnp.broadcast_to(_logits(base), shape)
    values = jax.nn.log_softmax(_logits(base))
    return jnp.broadcast_to(values, shape if name == "one-hot" else (*shape, cardinality))


def relaxed_draw(fn: Any, key: Array, temperature: Any, *, hard: bool) -> Array:
    """A Concrete draw; with `hard` its value is discrete and its gradient the relaxed draw's."""
    alpha = logits(fn)
    if family(fn)[0] == "bernoulli":
        z = alpha + random.logistic(key, alpha.shape)
        soft = jax.nn.sigmoid(z / temperature)
        snapped = (z > 0).astype(soft.dtype)
    else:
        z = alpha + random.gumbel(key, alpha.shape)
        soft = jax.nn.softmax(z / temperature)
        snapped = jax.nn.one_hot(z.argmax(-1), alpha.shape[-1], dtype=soft.dtype)
    return soft + jax.lax.stop_gradient(snapped - soft) if hard else soft


def relaxed_log_prob(fn: Any, value: Array) -> Array:
    """The log probability, extended linearly from discrete to relaxed values; batch-shaped."""
    if isinstance(fn, dist.MaskedDistribution):
        return jnp.where(fn._mask, relaxed_log_prob(fn.base_dist, value), 0.0)
    if isinstance(fn, dist.Independent):
        inner = relaxed_log_prob(fn.base_dist, value)
        return inner.sum(tuple(range(-fn.reinterpreted_batch_ndims, 0)))
    if isinstance(fn, dist.ExpandedDistribution):
        return relaxed_log_prob(fn.base_dist, value)
    alpha = logits(fn)
    # Of a value that is never taken, and is not: 0 log 0 = 0.
    none = (value == 0) & (alpha == -jnp.inf)
    taken = value * jnp.where(none, 0.0, alpha)
    return taken - jax.nn.softplus(alpha) if family(fn)[0] == "bernoulli" else taken.sum(-1)


def unmasked(fn: Any) -> Any:
    """The distribution without the masks that are wrapped around it."""
    if isinstance(fn, dist.MaskedDistribution):
        return unmasked(fn.base_dist)
    if isinstance(fn, (dist.Independent, dist.ExpandedDistribution)):
        inner = unmasked(fn.base_dist)
        if inner is fn.base_dist:
            return fn
        if isinstance(fn, dist.Independent):
            return inner.to_event(fn.reinterpreted_batch_ndims)
        return inner.expand(fn.batch_shape)
    return fn


def mask_of(fn: Any) -> Any:
    """Where a distribution counts: all masks that are wrapped around it."""
    mask: Any = True
    while isinstance(fn, _WRAPPERS):
        if isinstance(fn, dist.MaskedDistribution):
            mask = mask & jnp.asarray(fn._mask)
        fn = fn.base_dist
    return mask


def scored_entries(fn: Any) -> Any:
    """Which entries of a draw its density counts, in a shape that broadcasts over the draw.

    None where no mask is wrapped around the distribution.
    """
    found: Any = None
    while isinstance(fn, _WRAPPERS):
        if isinstance(fn, dist.MaskedDistribution):
            mask = jnp.asarray(fn._mask)
            mask = mask.reshape(mask.shape + (1,) * len(fn.event_shape))
            found = mask if found is None else found & mask
        fn = fn.base_dist
    return found


def counted(fn: Any) -> Array:
    """Where the density of a value counts: masks, of which one within an event counts in part."""
    if isinstance(fn, dist.MaskedDistribution):
        return counted(fn.base_dist) & jnp.asarray(fn._mask)
    if not isinstance(fn, _WRAPPERS):
        return jnp.asarray(True)
    inner = counted(fn.base_dist)
    events = fn.reinterpreted_batch_ndims if isinstance(fn, dist.Independent) else 0
    return inner.any(tuple(range(-min(events, inner.ndim), 0)))


def with_slopes(fn: Any) -> Any:
    """The distribution with the right derivative of its density at the ends of its parameters.

    NumPyro's density of Bernoulli and Binomial draws has corners at logits of exactly zero,
    log1p(exp(-|a|)) and max(a, 0), each of which jax gives the slope zero: of log p(1) the
    derivative is 1 in place of 1/2. A network whose last layer starts at zero begins in that
    corner. For probabilities of exactly zero or one see `within_range`.
    """
    if isinstance(fn, _WRAPPERS):
        return _around(fn, with_slopes(fn.base_dist))
    if isinstance(fn, (dist.BernoulliLogits, dist.BinomialLogits)):
        twin = copy.copy(fn)
        logits = jnp.asarray(fn.logits)
        twin.logits = logits + jnp.where(logits == 0, _BESIDE_ZERO, 0.0)
        return twin
    return within_range(fn)


def within_range(fn: Any) -> Any:
    """The distribution, whose density has no slope by probabilities of exactly zero or one.

    NumPyro moves them inside by the smallest number there is, and the slope of 0 log p there is a
    signal over that number, which is infinite for a signal above 4, times nothing: not a number.
    """
    if isinstance(fn, _WRAPPERS):
        return _around(fn, within_range(fn.base_dist))
    if isinstance(fn, (dist.BernoulliProbs, dist.BinomialProbs, dist.MultinomialProbs)):
        twin = copy.copy(fn)
        probs = jnp.asarray(fn.probs)
        inside = probs > 0 if isinstance(fn, dist.MultinomialProbs) else (probs > 0) & (probs < 1)
        twin.probs = jnp.where(inside, probs, jax.lax.stop_gradient(probs))
        return twin
    return fn


def _around(fn: Any, inner: Any) -> Any:
    """A wrapper around another distribution than its own."""
    if inner is fn.base_dist:
        return fn
    twin = copy.copy(fn)
    twin.base_dist = inner
    return twin


def _logits(base: Any) -> Any:
    base = within_range(base)
    if isinstance(base, dist.MultinomialProbs):
        return jnp.log(jnp.asarray(base.probs))
    return base.logits


def _base(fn: Any) -> Any:
    while isinstance(fn, _WRAPPERS):
        fn = fn.base_dist
    return fn


def _is_one(count: Any) -> bool:
    try:
        return bool(np.all(np.asarray(count) == 1))
    except jax.errors.TracerArrayConversionError:
        return False  # a count that is computed in the program may change from step to step
