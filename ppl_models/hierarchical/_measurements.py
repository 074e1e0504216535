"""Measurements with known standard errors, and what they say of effects and of their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._pair import Pair


class Measurements(Pair):
    """A pair that takes the standard errors y of the measurements x."""

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of measurements and their standard errors."""
        return (*super().example(), np.ones((1, self.data_dim), dtype=np.float32))

    def check_batch(self, *arrays: Any) -> None:
        """Refuse missing standard errors, and those that are not positive."""
        check_errors(*arrays)


def check_errors(x: Any, y: Any = None, size: int | None = None) -> Any:
    """Return y, the standard errors of x, if there is one for each entry.

    Args:
        x: the measurements, None where they are drawn.
        y: their standard errors.
        size: how many rows are drawn, where it is said.

    Raises:
        ValueError: if they are missing, of another shape, of other rows than are to be drawn, or
            not positive where that can be seen.
    """
    if y is None:
        raise ValueError("the pair takes standard errors beside x: model(x, y), y shaped as x.")
    if x is not None and tuple(y.shape) != tuple(x.shape):
        raise ValueError(
            f"y must have the shape of x, {tuple(x.shape)}, an error for each entry; got "
            f"{tuple(y.shape)}."
        )
    if x is None and size is not None and size != len(y):
        raise ValueError(
            f"y must have a row of standard errors for each row to draw, size={size}, got "
            f"{len(y)}; leave size out to draw a row for each."
        )
    if isinstance(y, np.ndarray) and not (y > 0).all():
        raise ValueError("y must hold positive standard errors.")
    return y


def pooled(x: Any, y: Any = None) -> tuple[Any, Any]:
    """What the measurements of a row say of its effect: their weighted mean and its variance, (N,).

    Args:
        x: measurements, (N, D).
        y: their standard errors, (N, D).
    """
    weight = check_errors(x, y) ** -2
    variance = 1 / weight.sum(-1)
    return variance * (weight * x).sum(-1), variance


def check_all_rows(total: int, here: int) -> None:
    """Refuse a part of the rows where a guide proposes what is common to all.

    Raises:
        ValueError: if there are more rows than are here.
    """
    if total != here:
        raise ValueError(
            "guide='structured' needs all rows at once to propose their common mean; use "
            "guide='mean-field' with minibatches."
        )


def common_mean(value: Any, variance: Any, scale: Any, mean_scale: float) -> tuple[Any, Any]:
    """Mean and standard deviation of p(mean | scale, x), of the scale's shape but for the rows.

    Given the scale, value_n ~ Normal(mean, sqrt(variance_n + scale^2)), mean ~ Normal(0,
    mean_scale).

    Args:
        value: what the measurements say of each effect, (N,).
        variance: of that, (N,).
        scale: of the effects about their mean, (...).
        mean_scale: of the mean's prior.
    """
    weight = 1 / (variance + scale[..., None] ** 2)
    precision = weight.sum(-1) + mean_scale**-2
    return (weight * value).sum(-1) / precision, precision**-0.5


def offsets(value: Any, variance: Any, centre: Any, width: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of p(offset_n | x_n) where the effect is centre + width offset_n.

    Args:
        value: what the measurements say of each effect, (N,).
        variance: of that, (N,).
        centre: of the effects a priori.
        width: their standard deviation a priori.
    """
    precision = 1 + width**2 / variance
    return width * (value - centre) / variance / precision, precision**-0.5
