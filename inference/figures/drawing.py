"""A row as it is drawn, entry by entry."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_positive, check_seed
from inference.data.arrays import observed_entries
from inference.errors import ArgumentError
from inference.figures.arguments import check_tiles
from inference.figures.pictures import Picture, Run, image_grid, image_shape, show
from inference.pairs import fitted_on

_UNDRAWN = 0.5  # grey, between the values of a binary picture


def drawing_steps(
    run: Run,
    x: ArrayLike | None = None,
    *,
    observed: ArrayLike | None = None,
    rows: int = 6,
    steps: int = 8,
    temperature: float = 1.0,
    seed: int = 0,
    shape: tuple[int, int] | None = None,
) -> Picture:
    """Rows of a model that draws entry by entry, from left to right as more of them is drawn.

    What is not drawn yet is grey; with `x` and `observed` the observed entries of x are there from
    the beginning, and held.

    Args:
        run: the run.
        x: rows to complete; none: rows are drawn from nothing.
        observed: which entries of x are held, of its shape or that of a row.
        rows: how many rows are drawn, without x.
        steps: how many pictures of each.
        temperature: see `inference.complete`.
        seed: seed of the draws.
        shape: (height, width) of a picture.

    Raises:
        ArgumentError: if an argument is out of range.
        ObjectiveError: if the model does not draw entry by entry.
    """
    temperature = check_positive("temperature", temperature)
    steps = check_count("steps", steps, least=2)
    check_seed(seed)
    shape = image_shape(run, shape)
    if x is None and observed is not None:
        raise ArgumentError("observed= says which entries of x are held; pass x, too.")
    if x is None:
        x = np.zeros((check_tiles(rows=rows), *run.pair.data_shape), np.float32)
    found = fitted_on(run, x)
    size = len(found.arrays[0])
    held = np.zeros(found.arrays[0].shape, bool)
    if observed is not None:
        held = observed_entries(observed, held.shape)
    made = found.backend.complete(found.pair, found.arrays, held, temperature, 1, seed)
    last, pictures = made.ranks.max() + 1, []
    for done in np.linspace(0, last, steps).round():
        there = held | (made.ranks < done)
        pictures.append(np.where(there, made.rows[0], _UNDRAWN))
    every = np.stack(pictures, axis=1).reshape(size * steps, *made.rows.shape[2:])
    figure = Picture(figsize=(steps * 0.6, size * 0.6 + 0.3), layout="constrained")
    grid = image_grid(every, size, steps, shape)
    show(figure.add_subplot(), grid, "drawn so far")
    return figure
