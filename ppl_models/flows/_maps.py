"""Monotone maps of a column, given numbers for each datum; Pyro (torch)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ppl_models.flows._plan import LIMIT, SMALLEST, Plan


def shift(value: Tensor, raw: Tensor, bias: Tensor, *, back: bool) -> tuple[Tensor, Tensor]:
    """value - t, and back value + t; the volume stays."""
    t = (raw + bias)[..., 0, :]
    return (value + t if back else value - t), torch.zeros_like(t)


def affine(value: Tensor, raw: Tensor, bias: Tensor, *, back: bool) -> tuple[Tensor, Tensor]:
    """(value - m) exp(-s), and back m + exp(s) value.

    s = b + 5 tanh(r / 5), with r the network's output and b its bias: far from the data a network
    cannot stretch without bound, and a scale that all data share is free.
    """
    mean = raw[..., 0, :] + bias[0]
    log_scale = bias[1] + LIMIT * torch.tanh(raw[..., 1, :] / LIMIT)
    if back:
        return mean + log_scale.exp() * value, log_scale
    return (value - mean) * (-log_scale).exp(), -log_scale


class Spline:
    """A rational-quadratic spline within [-bound, bound], the identity outside.

    (Durkan et al. 2019, arXiv:1906.04032.) Pyro's own divides by the distance to a knot also for
    values far outside, whose gradient is then no number.

    Args:
        bins: how many.
        bound: where the first and the last knot are.
    """

    def __init__(self, bins: int, bound: float) -> None:
        self.bins, self.bound = bins, bound

    def __call__(
        self, value: Tensor, raw: Tensor, bias: Tensor, *, back: bool
    ) -> tuple[Tensor, Tensor]:
        """The mapped value and its log derivative."""
        numbers = (raw + bias).movedim(-2, -1)
        widths, heights, slopes = numbers.split([self.bins, self.bins, self.bins - 1], dim=-1)
        x, y = self._knots(widths), self._knots(heights)
        slope = SMALLEST + functional.softplus(slopes + math.log(math.expm1(1 - SMALLEST)))
        slope = functional.pad(slope, (1, 1), value=1.0)
        inside = value.abs() < self.bound
        kept = value.clamp(-self.bound, self.bound)
        place = (kept[..., None] >= (y if back else x)[..., 1:-1]).sum(-1, keepdim=True)

        def at(each: Tensor, step: int = 0) -> Tensor:
            return each.gather(-1, place + step)[..., 0]

        low, width = at(x), at(x, 1) - at(x)
        floor, height = at(y), at(y, 1) - at(y)
        first, last, mean = at(slope), at(slope, 1), height / width
        bend = first + last - 2 * mean
        if back:
            rise = kept - floor
            a, b = rise * bend + height * (mean - first), height * first - rise * bend
            root = (b.square() + 4 * a * mean * rise).clamp(min=1e-20).sqrt()
            t = (2 * mean * rise / (b + root)).clamp(0, 1)
            mapped = low + t * width
        else:
            t = ((kept - low) / width).clamp(0, 1)
            mapped = floor + height * (mean * t.square() + first * t * (1 - t)) / (
                mean + bend * t * (1 - t)
            )
        top = last * t.square() + 2 * mean * t * (1 - t) + first * (1 - t).square()
        log_slope = 2 * mean.log() + top.log() - 2 * (mean + bend * t * (1 - t)).log()
        mapped = torch.where(inside, mapped, value)
        log_slope = torch.where(inside, log_slope, 0.0)
        return mapped, -log_slope if back else log_slope

    def _knots(self, shares: Tensor) -> Tensor:
        share = SMALLEST + (1 - SMALLEST * self.bins) * shares.softmax(-1)
        inner = 2 * self.bound * share.cumsum(-1)[..., :-1] - self.bound
        return functional.pad(
            functional.pad(inner, (1, 0), value=-self.bound), (0, 1), value=self.bound
        )


def map_of(plan: Plan) -> Callable[..., tuple[Tensor, Tensor]]:
    """The map of a plan's kind, as it is from data to noise."""
    if plan.kind == "nice":
        return shift
    return Spline(plan.bins, plan.bound) if plan.kind.startswith("spline") else affine
