"""Pictures of undirected models: filters, chains, and free energies of two sets of data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed, check_text, listed
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.figures.arguments import check_tiles
from inference.figures.pictures import Picture, Run, image_grid, image_shape, show
from inference.pairs import Fitted, fitted, fitted_on, tempering


def filters(
    run: Run, parameter: str | None = None, *, count: int = 48, shape: tuple[int, int] | None = None
) -> Picture:
    """What hidden units see of the data: a picture of the weights of each, the largest first.

    Each picture has the grey of its own: weights of 0 are grey, the largest is white or black.

    Args:
        run: the run.
        parameter: name of a matrix of weights that has a row or a column for each entry of a datum;
            None for the first there is.
        count: how many hidden units.
        shape: (height, width) of a picture.

    Raises:
        ArgumentError: if the run has no such parameter.
    """
    size = image_shape(run, shape)
    weights = _weights(run, parameter, math.prod(size))
    order = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
    chosen = weights[order[: check_count("count", count)]]
    largest = np.maximum(abs(chosen).max(axis=1, keepdims=True), 1e-12)
    columns = min(12, len(chosen))
    rows = -(-len(chosen) // columns)
    grey = np.full((rows * columns, chosen.shape[1]), 0.5)
    grey[: len(chosen)] = 0.5 + 0.5 * chosen / largest
    figure = Picture(figsize=(columns * 0.6, rows * 0.6 + 0.3), layout="constrained")
    show(figure.add_subplot(), image_grid(grey, rows, columns, size), "filters")
    return figure


def _weights(run: Any, parameter: str | None, entries: int) -> NDArray[Any]:
    """Weights of hidden units, (H, D)."""
    if parameter is not None and check_text("parameter", parameter) not in run.parameters:
        raise ArgumentError(
            f"the run has no parameter {parameter!r}; it has {', '.join(sorted(run.parameters))}."
        )
    names = sorted(run.parameters) if parameter is None else [parameter]
    fit = [n for n in names if run.parameters[n].ndim == 2 and entries in run.parameters[n].shape]
    if not fit:
        raise ArgumentError(
            f"filters needs a matrix with a row or a column for each of {entries} entries of a "
            f"datum, and {'no parameter' if parameter is None else repr(parameter)} is one."
        )
    found = np.asarray(run.parameters[fit[0]])
    return found.T if found.shape[0] == entries else found


def chains(
    run: Run,
    *,
    rows: int = 6,
    steps: tuple[int, ...] = (0, 1, 10, 100, 1000),
    seed: int = 0,
    shape: tuple[int, int] | None = None,
) -> Picture:
    """Chains of the model's kernel, one a row, from a draw on, after more and more steps.

    Of a model whose kernel is at a latent, as of a deep belief net, it is the mean of the data
    given the latent. Chains that stay near where they began mix badly.

    Args:
        run: the run.
        rows: how many chains.
        steps: after how many steps each picture is, from the beginning.
        seed: seed of the chains.
        shape: (height, width) of a picture.

    Raises:
        ArgumentError: if an argument is out of range.
        ObjectiveError: if the model has no kernel.
    """
    count, first = check_tiles(rows=rows), check_seed(seed)
    steps = _rising(steps)
    given = fitted(run)
    kernel = tempering(given)
    value, pictures = kernel.draw(count, first), []
    for place, (done, more) in enumerate(zip((0, *steps), steps, strict=False)):
        if more > done:
            value = kernel.move(value, more - done, first + place + 1)
        pictures.append(_as_data(given, kernel.name, value))
    every = np.stack(pictures, axis=1).reshape(count * len(steps), -1)
    figure = Picture(figsize=(len(steps) * 0.6, count * 0.6 + 0.3), layout="constrained")
    title = f"after {', '.join(map(str, steps))} steps"
    grid = image_grid(every, count, len(steps), image_shape(run, shape))
    show(figure.add_subplot(), grid, title)
    return figure


def _rising(steps: Any) -> tuple[int, ...]:
    """Whole numbers that rise from 0 on.

    Raises:
        ArgumentError: if they are not.
    """
    several = listed("steps", steps)
    found = [check_count("every entry of steps", each, least=0) for each in several or ()]
    if not found or found != sorted(found):
        raise ArgumentError(f"steps must be whole numbers that rise from 0 on, got {shown(steps)}.")
    return tuple(found)


def _as_data(given: Fitted, name: str, value: NDArray[Any]) -> NDArray[Any]:
    """The chains' values as data."""
    if _of_data(given, name):
        return value
    return given.backend.decode(given.pair, {name: value}, 0, size=len(value))


def _of_data(given: Fitted, name: str) -> bool:
    """Whether a site of the model is that of the data, and no latent."""
    return name not in given.backend.simulate(given.pair, 1, 0, None)[1]


def free_energies(
    run: Run, train: ArrayLike, valid: ArrayLike, *, labels: tuple[str, str] = ("train", "valid")
) -> Picture:
    """Histograms of the free energy -log f(x) of two sets of data, and their means' distance.

    The unknown constant moves both alike, so that the distance needs none: where training data have
    much less free energy than others, the machine has learnt them by heart (Hinton 2010).

    Args:
        run: of a model without latents, whose density is known up to a constant.
        train: data that it was trained on.
        valid: other data.
        labels: what the two are called.

    Raises:
        ArgumentError: if the kernel is not at the data.
        ObjectiveError: if the model has no kernel.
    """
    given = fitted(run)
    if not isinstance(labels, (tuple, list)) or [type(each) for each in labels] != [str, str]:
        raise ArgumentError(f"labels must be two words, got {shown(labels)}.")
    kernel = tempering(given)
    if not _of_data(given, kernel.name):
        raise ArgumentError(
            f"free_energies asks for log f(x), but the kernel is at the latent {kernel.name!r}; "
            "log_likelihood(pair, x, method='ais') sums it out."
        )
    figure = Picture(figsize=(6, 3.5), layout="constrained")
    axes, means = figure.add_subplot(), []
    for label, rows in zip(labels, (train, valid), strict=True):
        energy = -kernel.log_density(fitted_on(run, rows, name=label).arrays[0])
        axes.hist(energy, bins=40, density=True, histtype="step", label=label)
        means.append(float(energy.mean()))
    axes.set(xlabel="free energy, nats, up to a constant", ylabel="density")
    axes.set_title(f"{labels[1]} less {labels[0]}: {means[1] - means[0]:.2f} nats")
    axes.legend()
    return figure
