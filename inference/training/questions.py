"""What a run may be asked: arguments of its draws and means, refused where they mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_seed
from inference.errors import ArgumentError, DataError, PairError, ZooError
from inference.program.engine import Engine
from inference.program.records import raising_line

T = TypeVar("T")
Arrays = tuple[NDArray[Any], ...]


def check_draws(size: Any, seed: Any, given: Arrays) -> int:
    """Check how many rows are to be drawn, the seed, and what is given beside them.

    Raises:
        ArgumentError: naming the argument.
        DataError: if an array beside has not a row for each draw.
    """
    count = check_count("size", size)
    check_seed(seed)
    for place, array in enumerate(given):
        if not array.ndim or len(array) != count:
            raise DataError(
                f"argument {place + 1} after size must have {count} rows, one for each draw, got "
                f"shape {array.shape}."
            )
    return count


def check_latents(
    backend: Engine, pair: Any, latents: Mapping[str, NDArray[Any]], given: Arrays
) -> int:
    """Check values of latents against what the model draws; returns how many rows they are for.

    What is given beside them has a row for each; without it, some of the latents have. Others may
    be shared by all rows, whose first axis counts something else.

    Raises:
        ArgumentError: if there are none, or the model has none of that name.
        DataError: if they have other shapes than the model's draws, or are not finite.
    """
    if not latents:
        raise ArgumentError(
            "decode needs values of latents by name, such as decode(z=...), each with a row for "
            "each datum; run.sample(size) draws them from the model."
        )
    leading = [value for value in given if value.ndim] or latents.values()
    possible = sorted({len(value) for value in leading if value.ndim} - {0}, reverse=True)
    if not possible:
        name, value = next(iter(latents.items()))
        raise DataError(f"{name} must have one row or more, got shape {value.shape}.")
    every = {name: value.shape for name, value in latents.items()}
    first = rows = possible[0]
    drawn = _drawn(backend, pair, rows, given)
    for other in possible[1:]:
        if _fits(every, drawn):
            break
        rows, drawn = other, _drawn(backend, pair, other, given)
    if not _fits(every, drawn):
        rows, drawn = first, _drawn(backend, pair, first, given)
    for name, value in latents.items():
        if name not in drawn:
            raise ArgumentError(
                f"the model has no latent {name!r}; it has {', '.join(map(repr, drawn)) or 'none'}."
            )
        if value.shape != drawn[name].shape:
            raise DataError(
                f"{name} must have shape {drawn[name].shape} for {rows} rows, got {value.shape}."
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DataError(f"{name} holds NaN or infinite values, at which there is no mean.")
    return rows


def _drawn(backend: Engine, pair: Any, rows: int, given: Arrays) -> Mapping[str, NDArray[Any]]:
    """The model's own draw of all but x, of so many rows."""
    question = f"draws {rows} rows"
    return asking(lambda: backend.simulate(pair, rows, 0, None, *given), question)[1]


def _fits(shapes: Mapping[str, tuple[int, ...]], drawn: Mapping[str, NDArray[Any]]) -> bool:
    """Whether values of these shapes are of latents that were drawn; an unknown name fits none."""
    return all(name in drawn and drawn[name].shape == shape for name, shape in shapes.items())


def asking(question: Callable[[], T], what: str) -> T:
    """Ask a model, whose own errors get a sentence.

    Args:
        question: what to call.
        what: the model does then, in words.

    Raises:
        PairError: if the model fails, with the line of the program.
    """
    try:
        return question()
    except ZooError:
        raise
    except Exception as error:
        where = raising_line(error)
        lines = str(error).strip().splitlines() or ["no message"]
        raise PairError(
            f"the model fails when it {what}{f' at {where}' if where else ''}: "
            f"{type(error).__name__}: {lines[0].rstrip('.')}. To draw, a "
            "model takes x=None and size=; what it takes beside x is given after the number of "
            "rows, as in run.sample(size, y)."
        ) from error
