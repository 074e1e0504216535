"""Monotone maps of a column, given numbers for each datum; NumPyro (jax)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ppl_models.flows._plan import LIMIT, SMALLEST, Plan

Mapped = tuple[jax.Array, jax.Array]


def shift(value: jax.Array, raw: jax.Array, bias: jax.Array, *, back: bool) -> Mapped:
    """value - t, and back value + t; the volume stays."""
    t = (raw + bias)[..., 0, :]
    return (value + t if back else value - t), jnp.zeros_like(t)


def affine(value: jax.Array, raw: jax.Array, bias: jax.Array, *, back: bool) -> Mapped:
    """(value - m) exp(-s), and back m + exp(s) value: see `_maps.affine`."""
    mean = raw[..., 0, :] + bias[0]
    log_scale = bias[1] + LIMIT * jnp.tanh(raw[..., 1, :] / LIMIT)
    if back:
        return mean + jnp.exp(log_scale) * value, log_scale
    return (value - mean) * jnp.exp(-log_scale), -log_scale


class Spline:
    """A rational-quadratic spline, the identity outside: see `_maps.Spline`."""

    def __init__(self, bins: int, bound: float) -> None:
        self.bins, self.bound = bins, bound

    def __call__(self, value: jax.Array, raw: jax.Array, bias: jax.Array, *, back: bool) -> Mapped:
        """The mapped value and its log derivative."""
        numbers = jnp.moveaxis(raw + bias, -2, -1)
        widths, heights, slopes = jnp.split(numbers, [self.bins, 2 * self.bins], axis=-1)
        x, y = self._knots(widths), self._knots(heights)
        slope = SMALLEST + jax.nn.softplus(slopes + math.log(math.expm1(1 - SMALLEST)))
        slope = _padded(slope, 1.0, 1.0)
        inside = jnp.abs(value) < self.bound
        kept = jnp.clip(value, -self.bound, self.bound)
        place = (kept[..., None] >= (y if back else x)[..., 1:-1]).sum(-1, keepdims=True)

        def at(each: jax.Array, step: int = 0) -> jax.Array:
            return jnp.take_along_axis(each, place + step, axis=-1)[..., 0]

        low, width = at(x), at(x, 1) - at(x)
        floor, height = at(y), at(y, 1) - at(y)
        first, last, mean = at(slope), at(slope, 1), height / width
        bend = first + last - 2 * mean
        if back:
            rise = kept - floor
            a, b = rise * bend + height * (mean - first), height * first - rise * bend
            root = jnp.sqrt(jnp.maximum(b**2 + 4 * a * mean * rise, 1e-20))
            t = jnp.clip(2 * mean * rise / (b + root), 0, 1)
            mapped = low + t * width
        else:
            t = jnp.clip((kept - low) / width, 0, 1)
            mapped = floor + height * (mean * t**2 + first * t * (1 - t)) / (
                mean + bend * t * (1 - t)
            )
        top = last * t**2 + 2 * mean * t * (1 - t) + first * (1 - t) ** 2
        log_slope = 2 * jnp.log(mean) + jnp.log(top) - 2 * jnp.log(mean + bend * t * (1 - t))
        mapped = jnp.where(inside, mapped, value)
        log_slope = jnp.where(inside, log_slope, 0.0)
        return mapped, -log_slope if back else log_slope

    def _knots(self, shares: jax.Array) -> jax.Array:
        share = SMALLEST + (1 - SMALLEST * self.bins) * jax.nn.softmax(shares, axis=-1)
        inner = 2 * self.bound * jnp.cumsum(share, axis=-1)[..., :-1] - self.bound
        return _padded(inner, -self.bound, self.bound)


def _padded(inner: jax.Array, first: float, last: float) -> jax.Array:
    around = [(0, 0)] * (inner.ndim - 1) + [(1, 1)]
    ends: Any = [(0.0, 0.0)] * (inner.ndim - 1) + [(first, last)]
    return jnp.pad(inner, around, constant_values=ends)


def map_of(plan: Plan) -> Callable[..., Mapped]:
    """The map of a plan's kind, as it is from data to noise."""
    if plan.kind == "nice":
        return shift
    return Spline(plan.bins, plan.bound) if plan.kind.startswith("spline") else affine
