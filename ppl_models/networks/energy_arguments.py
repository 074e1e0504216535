"""What the densities of undirected models share on both engines: limits, and where chains begin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import check_choice, check_seed
from ppl_models.networks.start_values import output_bias

VISIBLE = ("bernoulli", "gaussian", "gaussian-variance")
MOST_UNITS = 20  # whose states are summed over one by one
BLOCK = 12  # units whose states are summed at once
GRID, WIDE = 257, 8.0  # points of a quadrature along one unit, and its room in standard deviations
POINTS, ROOM = 129, 6.0  # the same along an entry of a network's x, in scales of the base


def check_countable(hidden: int, visible: int | None) -> tuple[int, bool]:
    """How many units to sum over, and whether they are the hidden ones.

    Args:
        hidden: number of hidden units.
        visible: number of visible units with finitely many values; None where these are real.

    Raises:
        ValueError: if both sides have too many.
    """
    sums_hidden = visible is None or hidden <= visible
    count = hidden if sums_hidden or visible is None else visible
    if count > MOST_UNITS:
        side = "hidden" if visible is None else "smaller"
        raise ValueError(
            f"the constant is a sum over the states of the {side} side, which has {count} units; "
            f"up to {MOST_UNITS} can be summed. Use method='ais', or fewer units."
        )
    return count, sums_hidden


def describe_base(kind: Any, *, units: int, binary: bool, knows_means: bool) -> str:
    """Where chains begin: `"uniform"`, `"data"`, `"own"` biases, or `"given"` means.

    Args:
        kind: `"uniform"`; `"data"`: the mean of the training data, if the pair was told, or else
            the visible biases alone; or an array of means, (D,).
        units: D.
        binary: whether means are chances.
        knows_means: whether the pair was told the mean of the data.

    Raises:
        ValueError: if it is none of these.
    """
    if not isinstance(kind, str):
        if np.shape(kind) != (units,):
            raise ValueError(
                f"base must have shape ({units},), a mean for each visible unit, "
                f"got shape {tuple(np.shape(kind))}."
            )
        known = np.asarray(kind) if isinstance(kind, (np.ndarray, list, tuple)) else None
        if known is not None and not np.isfinite(known).all():
            raise ValueError("base has means that are NaN or infinite.")
        if known is not None and binary and not ((known >= 0) & (known <= 1)).all():
            raise ValueError(
                "base must have the chances of binary units, in [0, 1], "
                f"got values from {known.min():.4g} to {known.max():.4g}."
            )
        return "given"
    if kind not in ("data", "uniform"):
        raise ValueError(f"base must be 'data', 'uniform' or an array of means, got {kind!r}.")
    return kind if kind == "uniform" or knows_means else "own"


def centre_of(data_mean: ArrayLike | None, data_dim: int) -> NDArray[np.float32]:
    """Where a Gaussian that holds an energy together lies: the mean of the data, or zero.

    Raises:
        ValueError: if it has another shape, or is not finite.
    """
    if data_mean is None:
        return np.zeros(data_dim, np.float32)
    return output_bias(data_mean, data_dim, "gaussian")


def no_constant() -> str:
    """Why the constant of a network's energy is not known, and what to do."""
    return (
        "the constant of an energy over real vectors is no finite sum. Use method='ais', which "
        "leads chains from the Gaussian to it."
    )


def check_normaliser(normaliser: str, hidden: int, visible: int | None) -> bool:
    """Whether the constant is summed, if it can be.

    Args:
        normaliser: `"none"` or `"exact"`.
        hidden: number of hidden units.
        visible: number of visible units with finitely many values; None where these are real.

    Raises:
        ValueError: if it is no such word, or there are too many units.
    """
    exact = check_choice("normaliser", normaliser, ("none", "exact")) == "exact"
    if exact:
        try:
            check_countable(hidden, visible)
        except ValueError as error:
            raise ValueError(f"normaliser='exact': {error}") from None
    return exact


def rbm_start(
    data_dim: int, hidden_dim: int, visible: str, data_mean: ArrayLike | None, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Initial parameters by name: small random weights, the visible biases at the data's mean."""
    random = np.random.default_rng(check_seed(seed))
    bias = np.zeros(data_dim)
    if data_mean is not None:
        kind = "bernoulli" if visible == "bernoulli" else "gaussian"
        bias = output_bias(data_mean, data_dim, kind)
    start = {
        "weight": 0.01 * random.normal(size=(data_dim, hidden_dim)),
        "visible_bias": bias,
        "hidden_bias": np.zeros(hidden_dim),
    }
    if visible == "gaussian-variance":
        start["log_scale"] = np.zeros(data_dim)
    return {name: value.astype(np.float32) for name, value in start.items()}
