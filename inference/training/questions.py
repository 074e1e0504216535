"""What a run may be asked: arguments of its draws and means, refused where they mean nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_seed
from inference.data.arrays import as_array
from inference.data.pair_arrays import check_arrays, is_of_the_zoo
from inference.data.rows import slices
from inference.descriptions import first_line, shown
from inference.errors import ArgumentError, DataError, PairError, ZooError
from inference.program.engine import Engine
from inference.program.records import raising_line
from inference.program.sites import Site

T = TypeVar("T")
Arrays = tuple[NDArray[Any], ...]
_ROWS = 10_000  # to check at a time
_ROUNDED = 1e-3  # of a mean of draws
_BOUNDED = re.compile(  # supports of single numbers; sums of several are rounded
    "(integer|softplus)?(positive|nonnegative)|(integer)?(greaterthan(eq)?|lessthan)"
    "|(integer|halfopen|unit)?interval"
)


def read_named(values: Iterable[Any], real: Any, names: Sequence[str] = ()) -> Arrays:
    """Arrays of numbers, such as latents or what the model takes besides x.

    Args:
        values: what holds them.
        real: the type of real numbers.
        names: what to call them in a message; without names they are counted.

    Raises:
        DataError: if one does not hold numbers.
    """
    found = []
    for place, value in enumerate(values):
        name = names[place] if names else f"argument {place + 1} besides x"
        if isinstance(value, (str, bytes)):
            raise DataError(f"{name} must be an array of real numbers, got {shown(value)}.")
        try:
            found.append(as_array(value, real, first=not place))
        except DataError as error:
            raise DataError(f"{name}{str(error).removeprefix('data')}") from error
    return tuple(found)


def check_draws(pair: Any, size: Any, seed: Any, given: Arrays) -> int:
    """Check how many rows are to be drawn, the seed, and what is given beside them.

    Raises:
        ArgumentError: naming the argument.
        DataError: if an array beside has not a row for each draw, or holds what the pair does not
            take.
    """
    count = check_count("size", size)
    check_seed(seed)
    for place, array in enumerate(given):
        if not array.ndim or len(array) != count:
            raise DataError(
                f"argument {place + 1} after size must have {count} rows, one for each draw, got "
                f"shape {array.shape}."
            )
    _check_given(pair, given)
    return count


def _check_given(pair: Any, given: Arrays) -> None:
    """Check what a pair of the zoo is given besides x as it is checked in a batch.

    Raises:
        DataError: if it is not finite, or what the pair says no to, such as an unknown label.
    """
    if not given or not is_of_the_zoo(pair):
        return
    like = pair.example()[0]
    for rows in slices(len(given[0]), _ROWS):
        part = tuple(array[rows] for array in given)
        x = np.broadcast_to(like[:1], (len(part[0]), *like.shape[1:]))
        check_arrays(pair, (x, *part), "what is given besides x")


def checked_latents(
    backend: Engine, pair: Any, latents: Mapping[str, NDArray[Any]], given: Arrays
) -> tuple[int, dict[str, NDArray[Any]]]:
    """Check values of latents against what the model draws.

    What is given beside them has a row for each; without it, some of the latents have. Others may
    be shared by all rows, whose first axis counts something else.

    Returns:
        How many rows they are for, and their values, those of real latents as real numbers.

    Raises:
        ArgumentError: if there are none, or the model has none of that name.
        DataError: if they have other shapes than the model's draws, are not finite, or lie where
            the model draws nothing; or what is given beside them is not for the pair.
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
    if all(value.ndim and len(value) == len(given[0]) for value in given):
        _check_given(pair, given)
    every = {name: value.shape for name, value in latents.items()}
    first = rows = possible[0]
    x, drawn = _drawn(backend, pair, rows, given)
    for other in possible[1:]:
        if _fits(every, drawn):
            break
        rows, (x, drawn) = other, _drawn(backend, pair, other, given)
    if not _fits(every, drawn):
        rows, (x, drawn) = first, _drawn(backend, pair, first, given)
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
    sites = _sites(backend, pair, (x, *given))
    return rows, {n: _as_drawn(n, v, drawn[n].dtype, sites.get(n)) for n, v in latents.items()}


def _sites(backend: Engine, pair: Any, batch: Arrays) -> Mapping[str, Site]:
    """The model's latents as the engine describes them; none where it cannot look at them."""
    try:
        return {site.name: site for site in backend.structure(pair, batch).latents}
    except Exception:  # a guide that takes other data than the model draws
        return {}


def _as_drawn(
    name: str, value: NDArray[Any], dtype: np.dtype[Any], site: Site | None
) -> NDArray[Any]:
    """Values of a latent in the type of the model's draws; fractions of discrete ones stay.

    Raises:
        DataError: if they lie where the model draws nothing.
    """
    whole = value.dtype.kind in "biu" or bool((value == np.floor(value)).all())
    if site is not None and site.family == "categorical":
        wrong = not whole or value.min() < 0 or value.max() >= site.cardinality
        where = f"a whole number from 0 to {site.cardinality - 1}"
    elif site is not None and site.family:  # bits: their means pass
        wrong, where = value.min() < 0 or value.max() > 1, "in [0, 1]"
    elif site is not None and site.inside is not None and _BOUNDED.fullmatch(site.support):
        drawn = np.floor(value) if site.discrete else value
        wrong, where = not site.inside(drawn.astype(dtype)).all(), f"in the support {site.support}"
    elif site is not None and site.support == "simplex":
        sums = value.sum(-1, dtype=np.float64)
        wrong = value.min() < -_ROUNDED or not np.allclose(sums, 1, atol=_ROUNDED)
        where = "a chance, and those of the last axis must sum to 1"
    else:
        wrong, where = False, ""
    if wrong:
        raise DataError(
            f"every value of {name} must be {where}, where the model draws it, got values from "
            f"{value.min():.4g} to {value.max():.4g}."
        )
    return value.astype(dtype) if whole or dtype.kind == "f" else value


def _drawn(
    backend: Engine, pair: Any, rows: int, given: Arrays
) -> tuple[NDArray[Any], Mapping[str, NDArray[Any]]]:
    """The model's own draw of x and of all else, of so many rows."""
    question = f"draws {rows} rows"
    return asking(lambda: backend.simulate(pair, rows, 0, None, *given), question)


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
        raise PairError(
            f"the model fails when it {what}{f' at {where}' if where else ''}: "
            f"{type(error).__name__}: {first_line(error)}. To draw, a "
            "model takes x=None and size=; what it takes beside x is given after the number of "
            "rows, as in run.sample(size, y)."
        ) from error
