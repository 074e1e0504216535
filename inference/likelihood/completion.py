"""Any part of the data given any other part, by the chains of a density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed
from inference.errors import ArgumentError, ObjectiveError
from inference.likelihood.partition import tempering
from inference.pairs import fitted_on


def complete(
    pair: Any,
    x: ArrayLike,
    observed: ArrayLike,
    *,
    steps: int = 1000,
    seed: int = 0,
    engine: str | None = None,
) -> NDArray[Any]:
    """Draw the entries of data that are not observed given those that are.

    A chain for each row begins at x and takes steps of the model's kernel, in which the observed
    entries keep their values: block Gibbs of p(x_rest | x_observed), whose draws are exact once the
    chain has forgotten where the rest began. Any subset can be given, another one for each row;
    a directed pair has a guide for one.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); what stands at the other entries is where chains begin.
        observed: which entries are observed, shape (D,) or (N, D), of booleans.
        steps: steps of each chain.
        seed: seed of the chains.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        x with the other entries drawn, (N, D).

    Raises:
        ArgumentError: if an argument is out of range, or `observed` has another shape.
        DataError: if the pair cannot take the data.
        ObjectiveError: if the model has no kernel, or one in which no entry can be held.
    """
    check_count("steps", steps)
    check_seed(seed)
    given = fitted_on(pair, x, engine=engine)
    rows = given.arrays[0]
    mask = np.asarray(observed)
    if mask.dtype != np.bool_ or mask.shape not in (rows.shape, rows.shape[1:]):
        raise ArgumentError(
            f"observed must hold booleans of shape {rows.shape[1:]} or {rows.shape}, got "
            f"{mask.dtype} of shape {mask.shape}."
        )
    chains = tempering(given)
    if not chains.factorial or chains.name != "x":
        raise ObjectiveError(
            f"complete() holds entries of the data while a kernel draws the others, but that of "
            f"{chains.name!r} does not draw entries of x independently of each other. Give its "
            "class factorial = True, if a step of it draws them so given what else it draws."
        )
    return chains.complete(rows, np.broadcast_to(mask, rows.shape).copy(), steps, int(seed))
