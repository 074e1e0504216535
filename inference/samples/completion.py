"""Rows of which some entries are given: what is missing is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_positive, check_seed
from inference.errors import ArgumentError
from inference.pairs import fitted_on


def complete(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    observed: ArrayLike,
    temperature: float = 1.0,
    num_particles: int = 1,
    seed: int = 0,
    engine: str | None = None,
) -> NDArray[Any]:
    """Draw the entries of x that are not observed, by a model that draws entry by entry.

        v_i = x_i where it is observed,   v_i ~ p(v_i | v_1 .. v_{i-1}) elsewhere

    in the model's order, in one compiled pass. Where the observed entries come first in that order
    this is p(missing | observed). Anywhere else a draw knows of no observed entry after it: of
    `num_particles` such draws one is taken with the chances of p(observed i | v_1 .. v_{i-1})
    multiplied over them, which tends to p(missing | observed) as there are more.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple.
        x: rows, (N, *event); a tuple where the model takes more, such as lengths. What is not
            observed may have any value of the support.
        observed: which entries are, of the shape of x or of one row.
        temperature: what the log odds of each conditional are divided by (and variances multiplied
            with): 1 draws from the model, less than 1 what is likelier.
        num_particles: how many draws one is taken of.
        seed: seed of the draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        The rows, (N, *event).

    Raises:
        ArgumentError: if an argument is out of range.
        ObjectiveError: if the model has latents, or its data are not drawn entry by entry.
    """
    check_positive("temperature", temperature)
    check_count("num_particles", num_particles)
    check_seed(seed)
    found = fitted_on(pair, x, engine=engine)
    held = np.asarray(observed)
    shape = found.arrays[0].shape
    if held.dtype != np.bool_ or held.shape not in (shape, shape[1:]):
        raise ArgumentError(
            f"observed must be True or False for each entry, of shape {shape} or {shape[1:]}; got "
            f"{held.dtype} of shape {held.shape}."
        )
    given = found.arrays, np.broadcast_to(held, shape), float(temperature), num_particles, seed
    return found.backend.complete(found.pair, *given).chosen(seed)
