"""Draws for every datum, in chunks that bound the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_seed
from inference.data.rows import FEW, Arrays, Chunk, chunks
from inference.errors import DivergenceError
from inference.likelihood.conditions import check_scored
from inference.likelihood.coupling import check_rows_apart
from inference.likelihood.importance_sampling import seen_on
from inference.pairs import fitted_on
from inference.program.draws import Draws
from inference.program.engine import Engine
from inference.program.per_datum import check_rows
from inference.program.structure import Structure


def understood(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    seed: int,
    engine: str | None,
) -> tuple[Engine, Any, Arrays]:
    """The engine, the pair, and the data as arrays, checked.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot take the data.
    """
    check_seed(seed)
    given = fitted_on(pair, x, engine=engine)
    return given.backend, given.pair, given.arrays


def looked_at(
    backend: Engine, pair: Any, arrays: Arrays, what: str
) -> tuple[Arrays, Callable[[Structure], None], Structure]:
    """Two rows, the check of what is scored, and the structure on them: a weight for each datum.

    Of a pair that is made for all rows it is all of them.

    Args:
        backend: the engine.
        pair: the pair.
        arrays: the data.
        what: the name of the evaluation, for errors.

    Raises:
        ObjectiveError: if the pair has no weights per datum.
        PairError: if it fails on the rows.
    """
    check = check_scored(what, arrays)
    structure, head = seen_on(backend, pair, arrays)
    check_rows(structure, len(head[0]), what)
    check_rows_apart(backend, pair, head, structure, what)
    return head, check, structure


def passed(structure: Structure) -> None:
    """The check of a structure that was checked before."""


def chunked(
    arrays: Arrays,
    num_draws: int,
    chunk_size: int,
    densities: Callable[[Arrays, int, tuple[int, int]], Draws],
    head: Arrays,
) -> Iterator[tuple[Chunk, Draws]]:
    """K draws' densities for some data after the other.

    Args:
        arrays: the data.
        num_draws: K.
        chunk_size: largest number of draws times data at once.
        densities: (rows, draws, (chunk, set)) to densities by site.
        head: the rows that the pair was looked at on: more than a few where it takes all or none.

    Raises:
        DivergenceError: if a density is not a number, naming the site and the first row.
    """
    done = 0
    rows = len(head[0]) if len(head[0]) > FEW else max(1, chunk_size // num_draws)
    for number, chunk in enumerate(chunks(arrays, rows)):
        yield chunk, whole(chunk, num_draws, chunk_size, densities, number, done)
        done += chunk.real


def whole(
    chunk: Chunk,
    num_draws: int,
    chunk_size: int,
    densities: Callable[[Arrays, int, tuple[int, int]], Draws],
    number: int,
    done: int,
) -> Draws:
    """All draws of one chunk, in float64, from as many equal sets as the memory asks for.

    Args:
        chunk: the data.
        num_draws: K.
        chunk_size: largest number of draws times data at once.
        densities: (rows, draws, (chunk, set)) to densities by site.
        number: the chunk's.
        done: how many rows were in the chunks before.
    """
    sets = math.ceil(num_draws / max(1, chunk_size // chunk.size))
    each = math.ceil(num_draws / sets)  # of equal size, so that one compilation serves them all
    parts = [densities(chunk.rows, each, (number, index)) for index in range(sets)]

    def joined(fields: list[Mapping[str, Any]]) -> dict[str, NDArray[np.float64]]:
        return {
            name: np.concatenate([np.asarray(part[name], np.float64) for part in fields])[
                :num_draws, : chunk.real
            ]
            for name in fields[0]
        }

    log_p, log_q, known = (
        joined([getattr(part, field) for part in parts])
        for field in ("log_p_sites", "log_q_sites", "divergences")
    )
    for name, density in (*log_p.items(), *log_q.items(), *known.items()):
        wrong = np.isnan(density).any(0)
        if wrong.any():
            raise DivergenceError(
                f"the density of site {name!r} is not a number for row "
                f"{done + int(np.argmax(wrong))} of x. Check the pair's parameters."
            )
    return Draws(log_p, log_q, known, parts[0].scored)
