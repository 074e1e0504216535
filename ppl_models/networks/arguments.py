"""Checks on what a user gives a pair's constructor; they import no framework."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import of_python, shown

ACTIVATIONS = ("tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid")
LIKELIHOODS = ("bernoulli", "gaussian", "learned-variance", "discretised-logistic")
NETWORK_VARIANCE = "network-variance"  # of pairs whose decoder gives two numbers a column
NORMALISATIONS = ("none", "batch", "virtual")  # of the layers of convolutions
PRIORS = ("normal", "uniform")  # of the noise that a generator starts from
_LARGEST_SIZE, _MOST_SIZES = 10**8, 1_000
_LARGEST_NUMBER, _SMALLEST_NUMBER = 3.4e38, 1.2e-38  # in single precision


def check_size(name: str, size: int) -> int:
    """Return `size` if it is a positive whole number.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {shown(size)}.")
    if size > _LARGEST_SIZE:
        raise ValueError(
            f"{name} must be at most {_LARGEST_SIZE:,}, got {shown(size)}: no machine holds that."
        )
    return size


def check_sizes(name: str, sizes: Iterable[int]) -> tuple[int, ...]:
    """Return `sizes` as a tuple if each is a positive whole number; it may be empty.

    Raises:
        ValueError: if one is not; the message names the argument.
    """
    if not _is_sequence(sizes):
        raise ValueError(
            f"{name} must be a sequence of sizes such as (200, 200), got {shown(sizes)}."
        )
    found = _entries(name, sizes, _MOST_SIZES + 1)
    if len(found) > _MOST_SIZES:
        raise ValueError(f"{name} must have at most {_MOST_SIZES:,} sizes, got more.")
    return tuple(check_size(f"every entry of {name}", of_python(name, size)) for size in found)


def _is_sequence(sizes: Any) -> bool:
    """Whether something has entries in an order of its own: a list, no word, mapping or set."""
    words = (str, bytes, bytearray, memoryview, Mapping, Set)
    ordered = isinstance(sizes, Iterable) and not isinstance(sizes, words)
    # A mock has any attribute, and as many entries as nothing.
    return ordered and getattr(sizes, "shape", (1,)) != () and not hasattr(sizes, "_nobodys")


def _entries(name: str, sizes: Iterable[Any], most: int) -> tuple[Any, ...]:
    """The first entries of a sequence.

    Raises:
        ValueError: if it raises when it is gone through; the message names the argument.
    """
    try:
        return tuple(itertools.islice(sizes, most))
    except Exception as error:
        raise ValueError(
            f"{name} cannot be gone through: {shown(sizes)} raises {type(error).__name__}: {error}."
        ) from error


def check_network(hidden: Iterable[int], activation: str) -> tuple[int, ...]:
    """Return the hidden sizes of a fully connected network, if they and its activation are right.

    Raises:
        ValueError: if one of them is not; the message names the argument.
    """
    check_choice("activation", activation, ACTIVATIONS)
    return check_sizes("hidden", hidden)


def as_numbers(name: str, value: Any, dtype: Any = np.float64) -> NDArray[Any]:
    """Return an array of numbers.

    Raises:
        ValueError: if it holds something else; the message names the argument.
    """
    try:
        found = np.asarray(value)
    except Exception:  # rows of unequal length, or whatever the value's own methods raise
        found = np.empty(0, object)
    if found.dtype.kind not in "biuf" or isinstance(value, bytearray):
        raise ValueError(f"{name} must be an array of numbers, got {shown(value)}.")
    return found.astype(dtype)


def check_levels(
    name: str, sizes: Iterable[Iterable[int]], levels: int
) -> tuple[tuple[int, ...], ...]:
    """Return one tuple of sizes per level; an empty sequence stands for an empty one at each.

    Raises:
        ValueError: if they are not so many sequences of sizes; the message names the argument.
    """
    given: Any = _entries(name, sizes, levels + 1) if _is_sequence(sizes) else sizes
    if isinstance(given, tuple) and not given:
        return ((),) * levels
    if not isinstance(given, tuple) or len(given) != levels:
        raise ValueError(
            f"{name} must have {levels} sequences of sizes, one per level, such as "
            f"{((200, 200), (100, 100), (50, 50))[:levels]}; got {shown(given)}."
        )
    return tuple(check_sizes(f"every entry of {name}", level) for level in given)


def check_latent_dims(latent_dims: Iterable[int], least: int = 2) -> tuple[int, ...]:
    """Return the sizes of layers of latents, if there are enough of them.

    Raises:
        ValueError: if there are fewer than `least`, or one is no size.
    """
    sizes = check_sizes("latent_dims", latent_dims)
    if len(sizes) < least == 1:
        raise ValueError("latent_dims must name at least one layer, for example (200,); got ().")
    if len(sizes) < least:
        raise ValueError(
            f"latent_dims must have two sizes or more, such as (100, 50), got {shown(sizes)}; with "
            "one layer it is the model 'vae'."
        )
    return sizes


def check_ladder(noise: str, guide: str) -> tuple[bool, bool]:
    """Return whether a layer's noise is full, and whether the guide is a ladder.

    Raises:
        ValueError: if it is no such word, or a ladder is to have full noise.
    """
    full = check_choice("noise", noise, ("diagonal", "full")) == "full"
    ladder = check_choice("guide", guide, ("bottom-up", "ladder")) == "ladder"
    if full and ladder:
        raise ValueError(
            "guide='ladder' multiplies Gaussians entry by entry and needs noise='diagonal', got "
            "noise='full'; use guide='bottom-up' with it."
        )
    return full, ladder


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        ValueError: if it is not; the message names the argument and the choices.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {shown(value)}.")
    return value


def check_count(name: str, count: int) -> int:
    """Return `count` if it is a whole number of at least 0, which stands for none.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"{name} must be a whole number, 0 for none, got {shown(count)}.")
    return check_size(name, count) if count else count


def check_grey_levels(levels: int) -> int:
    """Return how many grey levels there are, if they are two or more.

    Raises:
        ValueError: if they are fewer.
    """
    if check_size("levels", levels) < 2:
        raise ValueError("levels must be at least 2, got 1; 8-bit grey has 256.")
    return levels


def check_normalise(normalise: str, hidden: Sequence[int]) -> None:
    """Check what is normalised between fully connected layers.

    Raises:
        ValueError: if it is no such word, or there is no hidden layer to normalise.
    """
    if check_choice("normalise", normalise, ("none", "batch")) == "batch" and not hidden:
        raise ValueError(
            "normalise='batch' normalises hidden layers, and hidden=() has none; give sizes or use "
            "normalise='none'."
        )


def check_output(output: str | None, likelihood: str) -> str:
    """Return how a decoder's output becomes the mean of x: `"linear"` or `"sigmoid"`.

    A Bernoulli likelihood always takes the sigmoid; a Gaussian one takes what is asked for,
    `"linear"` for None.

    Raises:
        ValueError: if it is no such word, or `"linear"` for a Bernoulli likelihood.
    """
    if output is None:
        return "sigmoid" if likelihood == "bernoulli" else "linear"
    if check_choice("output", output, ("linear", "sigmoid")) == "linear" and (
        likelihood == "bernoulli"
    ):
        raise ValueError(
            "output='linear' is no probability, which likelihood='bernoulli' needs; leave output "
            "out, or use likelihood='gaussian'."
        )
    return output


def check_positive(name: str, value: float) -> float:
    """Return `value` if it is finite and positive.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value <= _LARGEST_NUMBER:
        raise ValueError(f"{name} must be positive and finite, got {shown(value)}.")
    if value < _SMALLEST_NUMBER:
        raise ValueError(
            f"{name} must be at least {_SMALLEST_NUMBER}, the smallest number in single precision, "
            f"got {shown(value)}, which is zero there."
        )
    return float(value)  # of a whole number torch would make a tensor of whole numbers


def check_flag(name: str, value: bool) -> bool:  # noqa: FBT001
    """Return `value` if it is True or False.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {shown(value)}.")
    return value


def check_seed(seed: int) -> int:
    """Return `seed` if both frameworks take it.

    Raises:
        ValueError: if it is not a whole number from 0 to 2^32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to 2^32 - 1, got {shown(seed)}.")
    return seed


def check_not_negative(name: str, value: float) -> float:
    """Return `value` if it is finite and not negative.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError(f"{name} must be finite and not negative, got {shown(value)}.")
    return float(value)  # of a whole number torch would make a tensor of whole numbers


def check_likelihood(
    kind: str, noise_scale: float, levels: int, *, network_variance: bool = False
) -> None:
    """Check what a likelihood is made of.

    Args:
        kind: one of `LIKELIHOODS`, or `NETWORK_VARIANCE` where a decoder may give it.
        noise_scale: its scale.
        levels: how many grey levels there are.
        network_variance: whether it may.

    Raises:
        ValueError: if there is none of that name, or its scale or number of levels is out of range.
    """
    check_choice("likelihood", kind, (*LIKELIHOODS, *[NETWORK_VARIANCE] * network_variance))
    check_positive("noise_scale", noise_scale)
    check_grey_levels(levels)
