"""Class labels are arbitrary: which class of one fit is which of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from ppl_models.classical._em import real_numbers


def label_order(values: ArrayLike, reference: ArrayLike) -> NDArray[np.intp]:
    """The order of classes in which `values[order]` is nearest to `reference`.

    Of all one-to-one matchings it is the one with the least sum of squared differences (the
    Hungarian method). The same order puts every other parameter of the fit right, and the columns
    of its responsibilities.

    Args:
        values: one row for each class: means, probabilities, or responsibilities transposed.
        reference: the same for the other fit.

    Returns:
        Shape (classes,).

    Raises:
        ValueError: if the shapes differ, or there is nothing to compare.
    """
    ours, theirs = real_numbers("values", values), real_numbers("reference", reference)
    if ours.shape != theirs.shape or ours.size == 0:
        raise ValueError(
            f"values and reference must have the same shape, one row for each class, got "
            f"{ours.shape} and {theirs.shape}."
        )
    ours, theirs = (array.reshape(len(array), -1) for array in (ours, theirs))
    costs = ((theirs[:, None] - ours) ** 2).sum(-1)
    return linear_sum_assignment(costs)[1]
