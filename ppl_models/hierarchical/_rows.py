"""How many rows there are, and how many of them are here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppl_models.networks.arguments import check_size


def check_data_size(data_size: int | None) -> int | None:
    """Return the number of all rows, if it is one, or None where every batch is all data.

    Raises:
        ValueError: if it is no positive whole number.
    """
    return None if data_size is None else check_size("data_size", data_size)


def plate_size(x: Any, size: int, data_size: int | None) -> tuple[int, int]:
    """Sizes of the data's plate and of its part at hand.

    A minibatch of n of N rows counts N / n times, so that the prior of what all rows share counts
    once in N rows.

    Args:
        x: the rows at hand; None where they are drawn.
        size: how many are drawn.
        data_size: N; None: what is at hand is all.

    Raises:
        ValueError: if there are more rows at hand than in all.
    """
    here = size if x is None else len(x)
    if x is None or data_size is None:
        return here, here
    if here > data_size:
        raise ValueError(
            f"x has {here} rows, but data_size={data_size} says that there are fewer in all; make "
            "the pair with data_size=len(the training rows), and give at most as many at a time."
        )
    return data_size, here


def check_errors(x: Any, y: Any = None) -> Any:
    """Return y, the standard errors of x, if there is one for each entry.

    Raises:
        ValueError: if they are missing, of another shape, or not positive where that can be seen.
    """
    if y is None:
        raise ValueError("the pair takes standard errors beside x: model(x, y), y shaped as x.")
    if x is not None and tuple(y.shape) != tuple(x.shape):
        raise ValueError(
            f"y must have the shape of x, {tuple(x.shape)}, an error for each entry; got "
            f"{tuple(y.shape)}."
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
