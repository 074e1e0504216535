"""Initial parameters of mixtures and hidden Markov models; it imports no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import as_numbers, check_choice, check_positive, check_seed
from ppl_models.networks.start_values import output_bias

_RAREST = 1e-8  # what has no probability at the start could never get any


def _array(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The values, if they are finite and have the shape.

    Raises:
        ValueError: if they are not; the message names the argument.
    """
    array = as_numbers(name, values)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite; give numbers.")
    return array.astype(np.float32)


def _logits(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Logarithms of probabilities, which are kept above 1e-8.

    Raises:
        ValueError: if a value is negative or the last dimension does not sum to 1.
    """
    array = _array(name, values, shape).astype(np.float64)
    if array.min() < 0 or np.abs(array.sum(-1) - 1).max() > 1e-4:
        raise ValueError(
            f"{name} must hold probabilities that sum to 1 over the last dimension; got values "
            f"from {array.min():.3g} to {array.max():.3g} with sums from "
            f"{array.sum(-1).min():.3g} to {array.sum(-1).max():.3g}."
        )
    return np.log(np.maximum(array, _RAREST)).astype(np.float32)


def _log_odds(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Log odds of Bernoulli means, which are kept within [1e-6, 1 - 1e-6].

    Raises:
        ValueError: if a value lies outside [0, 1].
    """
    array = _array(name, values, shape).astype(np.float64)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"{name} must lie in [0, 1] for a Bernoulli likelihood, got values from "
            f"{array.min():.3g} to {array.max():.3g}."
        )
    array = np.clip(array, 1e-6, 1 - 1e-6)
    return (np.log(array) - np.log1p(-array)).astype(np.float32)


def _log_scales(
    name: str, values: ArrayLike, shape: tuple[int, ...], floor: float
) -> NDArray[np.float32]:
    """log(scale - floor); a scale at the floor starts a hundredth above it.

    Raises:
        ValueError: if a scale is below the floor.
    """
    array = _array(name, values, shape).astype(np.float64)
    if array.min() < floor * (1 - 1e-6):
        raise ValueError(
            f"{name} must not be below min_scale={floor:.3g}, got {array.min():.3g}; give larger "
            "ones or lower min_scale."
        )
    return np.log(np.maximum(array - floor, 0.01 * floor)).astype(np.float32)


def mixture_start(
    shape: tuple[int, int],
    likelihood: str,
    *,
    noise_scale: float,
    min_scale: float,
    data_mean: ArrayLike | None,
    weights: ArrayLike | None,
    means: ArrayLike | None,
    scales: ArrayLike | None,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Parameters of a mixture by name: what is given, and random means in place of what is not.

    Args:
        shape: classes and columns.
        likelihood: `"gaussian"` or `"bernoulli"`.
        noise_scale: initial standard deviation, and that of the random means about `data_mean`.
        min_scale: what is added to every standard deviation.
        data_mean: shape (columns,); zero when not given.
        weights: class probabilities, shape (classes,); equal when not given.
        means: means, of the given shape; random when not given.
        scales: standard deviations, of the given shape; `noise_scale` when not given.
        seed: seed of the random means.

    Raises:
        ValueError: if an argument has another shape or is out of range.
    """
    check_choice("likelihood", likelihood, ("gaussian", "bernoulli"))
    start = _emission_start(
        shape,
        likelihood,
        noise_scale=noise_scale,
        min_scale=min_scale,
        data_mean=data_mean,
        means=means,
        scales=scales,
        random=np.random.default_rng(check_seed(seed)),
    )
    classes = shape[0]
    equal = np.full(classes, 1 / classes)
    return {
        "weight_logits": _logits("weights", equal if weights is None else weights, (classes,)),
        **start,
    }


def hmm_start(
    *,
    states: int,
    emissions: str,
    symbols: int,
    data_dim: int,
    noise_scale: float,
    min_scale: float,
    initial: ArrayLike | None,
    transition: ArrayLike | None,
    emission: ArrayLike | None,
    means: ArrayLike | None,
    scales: ArrayLike | None,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Parameters of a hidden Markov model by name; chances that are not given are random.

    Args:
        states: number of states.
        emissions: `"categorical"` or `"gaussian"`.
        symbols: size of the alphabet of the former.
        data_dim: columns of the latter; 1 with the former.
        noise_scale: initial standard deviation, and that of the random means.
        min_scale: what is added to every standard deviation.
        initial: probabilities of the first state, shape (states,).
        transition: probabilities of the next state, shape (states, states).
        emission: probabilities of the symbols in each state, shape (states, symbols).
        means: means, shape (states, data_dim).
        scales: standard deviations, of the same shape.
        seed: seed of what is random.

    Raises:
        ValueError: if an argument has another shape or is out of range, or is for other emissions.
    """
    check_choice("emissions", emissions, ("categorical", "gaussian"))
    if emissions == "categorical" and data_dim != 1:
        raise ValueError(
            f"data_dim must be 1 with emissions='categorical', one symbol a step, got {data_dim}; "
            "use emissions='gaussian' for vectors."
        )
    shape = states, symbols if emissions == "categorical" else data_dim
    check_positive("noise_scale", noise_scale)
    check_positive("min_scale", min_scale)
    random = np.random.default_rng(check_seed(seed))
    given = {
        "initial": (initial, (states,)),
        "transition": (transition, (states, states)),
        "emission": (emission, shape),
    }
    if emissions == "gaussian":
        if emission is not None:
            raise ValueError("emission is for emissions='categorical'; give means and scales.")
        del given["emission"]
    elif means is not None or scales is not None:
        raise ValueError("means and scales are for emissions='gaussian'; give emission.")
    start = {
        f"{name}_logits": 0.5 * random.normal(size=size).astype(np.float32)
        if values is None
        else _logits(name, values, size)
        for name, (values, size) in given.items()
    }
    if emissions == "categorical":
        return start
    return start | _emission_start(
        shape,
        emissions,
        noise_scale=noise_scale,
        min_scale=min_scale,
        data_mean=None,
        means=means,
        scales=scales,
        random=random,
    )


def _emission_start(
    shape: tuple[int, int],
    likelihood: str,
    *,
    noise_scale: float,
    min_scale: float,
    data_mean: ArrayLike | None,
    means: ArrayLike | None,
    scales: ArrayLike | None,
    random: np.random.Generator,
) -> dict[str, NDArray[np.float32]]:
    """Means and log scales, or log odds, of one distribution of x for each class or state."""
    check_positive("noise_scale", noise_scale)
    check_positive("min_scale", min_scale)
    centre = output_bias(data_mean, shape[1], likelihood)
    drawn = (centre + noise_scale * random.normal(size=shape)).astype(np.float32)
    if likelihood == "bernoulli":
        if scales is not None:
            raise ValueError("scales are for likelihood='gaussian'; a Bernoulli has none.")
        return {"mean_logits": drawn if means is None else _log_odds("means", means, shape)}
    wide = np.full(shape, max(noise_scale, min_scale))
    return {
        "means": drawn if means is None else _array("means", means, shape),
        "log_scales": _log_scales("scales", wide if scales is None else scales, shape, min_scale),
    }
