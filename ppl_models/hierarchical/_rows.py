"""How many rows there are, and how many of them are here."""

from __future__ import annotations

from typing import Any

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
