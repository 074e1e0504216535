"""What the densities of undirected models share on both engines: limits, and where chains begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._shown import shown
from ppl_models.networks.arguments import (
    check_choice,
    check_count,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.image_arguments import check_sides
from ppl_models.networks.start_values import output_bias

VISIBLE = ("bernoulli", "gaussian", "gaussian-variance")
MOST_UNITS = 20  # whose states are summed over one by one
BLOCK = 12  # units whose states are summed at once
GRID, WIDE = 257, 8.0  # points of a quadrature along one unit, and its room in standard deviations
POINTS, ROOM = 129, 6.0  # the same along an entry of a network's x, in scales of the base


def check_hidden_dims(sizes: Sequence[int], *, most: int | None = None) -> tuple[int, ...]:
    """Return the sizes of hidden layers, the one next to the data first, if they are enough.

    Raises:
        ValueError: if they are too few or too many.
    """
    found = check_sizes("hidden_dims", sizes)
    if len(found) < 2:
        raise ValueError(
            f"hidden_dims must have 2 sizes{'' if most else ' or more'}, such as (500, 1000), got "
            f"{shown(found)}; with one layer it is the model 'rbm'."
        )
    if most is not None and len(found) > most:
        raise ValueError(
            f"hidden_dims must have {most} sizes, got {shown(found)}; the model 'dbn' takes more."
        )
    return found


def check_maps(shape: Sequence[int], filter_size: int, pooling: int) -> tuple[int, int]:
    """Return (height, width) of an image whose maps, of the places of a filter, are pooled evenly.

    Raises:
        ValueError: if it is no shape of an image, a size is no size, or no map is left, or one that
            blocks of pooling x pooling do not fill.
    """
    sizes = check_sides(shape)
    check_size("filter_size", filter_size)
    check_size("pooling", pooling)
    sides = [side - filter_size + 1 for side in sizes]
    if min(sides) < 1 or any(side % pooling for side in sides):
        raise ValueError(
            f"filter_size={filter_size} leaves maps of {sides[0]} x {sides[1]} of an image of "
            f"{sizes[0]} x {sizes[1]}, which pooling={pooling} must divide; choose others."
        )
    return sizes


def check_countable(hidden: int | None, visible: int | None) -> tuple[int, bool]:
    """How many units to sum over, and whether they are the hidden ones.

    Args:
        hidden: number of hidden units; None where only the visible states can be summed over.
        visible: number of visible units with finitely many values; None where these are real.

    Raises:
        ValueError: if both sides have too many.
    """
    sums_hidden = hidden is not None and (visible is None or hidden <= visible)
    count = hidden if sums_hidden else visible
    assert count is not None, "one side has finitely many states"
    if count > MOST_UNITS:
        side = "hidden" if visible is None else "visible" if hidden is None else "smaller"
        raise ValueError(
            f"the constant is a sum over the states of the {side} side, which has {count} units; "
            f"up to {MOST_UNITS} can be summed. Use method='ais', or fewer units."
        )
    return count, sums_hidden


def check_all_countable(visible: int, hidden: int) -> None:
    """Check that the states of all units of a machine can be summed over.

    Raises:
        ValueError: if they are too many.
    """
    if visible + hidden > MOST_UNITS:
        raise ValueError(
            "the constant is a sum over the states of all units, visible and hidden, as there are "
            f"connections within both sides; there are {visible + hidden}, and up to {MOST_UNITS} "
            "can be summed. Use method='ais', or fewer units."
        )


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
        raise ValueError(f"base must be 'data', 'uniform' or an array of means, got {shown(kind)}.")
    return kind if kind == "uniform" or knows_means else "own"


def no_constant() -> str:
    """Why the constant of a network's energy is not known, and what to do."""
    return (
        "the constant of an energy over real vectors is no finite sum. Use method='ais', which "
        "leads chains from the Gaussian to it."
    )


def check_normaliser(normaliser: str, hidden: int | None, visible: int | None) -> bool:
    """Whether the constant is summed, if it can be.

    Args:
        normaliser: `"none"` or `"exact"`.
        hidden: number of hidden units; None where only the visible states can be summed over.
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


def check_lateral(normaliser: str, visible: int, hidden: int) -> bool:
    """Whether the constant of a machine with connections within its sides is summed.

    Raises:
        ValueError: if `normaliser` is no such word, there are too many units for it, or too many
            hidden ones to sum them out.
    """
    if check_count("hidden_dim", hidden) > BLOCK:
        raise ValueError(
            f"hidden_dim must be at most {BLOCK}, as the hidden units are summed out state by "
            f"state, got {hidden}. Without connections among them it is the model 'rbm'."
        )
    exact = check_choice("normaliser", normaliser, ("none", "exact")) == "exact"
    if exact:
        try:
            check_all_countable(visible, hidden)
        except ValueError as error:
            raise ValueError(f"normaliser='exact': {error} Or normaliser='none'.") from None
    return exact


def lateral_start(
    data_dim: int, hidden_dim: int, data_mean: ArrayLike | None, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Initial parameters of a machine with connections within its sides, by name."""
    start = rbm_start(data_dim, hidden_dim, "bernoulli", data_mean, seed)
    random = np.random.default_rng([seed, 1])
    for name, size in (("visible_weight", data_dim), ("hidden_weight", hidden_dim)):
        start[name] = (0.01 * random.normal(size=(size, size))).astype(np.float32)
    return start


def rbm_start(
    data_dim: int,
    hidden_dim: int,
    visible: str,
    data_mean: ArrayLike | None,
    seed: int,
    *,
    name: str = "data_mean",
) -> dict[str, NDArray[np.float32]]:
    """Initial parameters by name: small random weights, the visible biases at the data's mean.

    Args:
        data_dim: visible units.
        hidden_dim: hidden units.
        visible: one of `VISIBLE`.
        data_mean: mean of the visible units, (data_dim,), or None.
        seed: seed of the weights.
        name: of that mean among the pair's arguments.

    Raises:
        ValueError: if the mean has another shape, or is not one of such units.
    """
    random = np.random.default_rng(check_seed(seed))
    kind = "bernoulli" if visible == "bernoulli" else "gaussian"
    bias = output_bias(data_mean, data_dim, kind, name=name)
    start = {
        "weight": 0.01 * random.normal(size=(data_dim, hidden_dim)),
        "visible_bias": bias,
        "hidden_bias": np.zeros(hidden_dim),
    }
    if visible == "gaussian-variance":
        start["log_scale"] = np.zeros(data_dim)
    return {name: value.astype(np.float32) for name, value in start.items()}


def dbm_start(
    data_dim: int, hidden_dims: tuple[int, ...], data_mean: ArrayLike | None, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Initial parameters of a deep Boltzmann machine, by name."""
    middle, top = hidden_dims
    below = rbm_start(data_dim, middle, "bernoulli", data_mean, seed)
    random = np.random.default_rng([seed, 1])
    return {
        "weight_1": below["weight"],
        "weight_2": (0.01 * random.normal(size=(middle, top))).astype(np.float32),
        "data_bias": below["visible_bias"],
        "bias_1": np.zeros(middle, np.float32),
        "bias_2": np.zeros(top, np.float32),
    }
