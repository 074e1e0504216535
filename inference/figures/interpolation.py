"""What lies between latents: the decoder along paths from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_seed
from inference.data.arrays import as_array
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.figures.arguments import check_rows, check_run, check_site, check_tiles
from inference.figures.pictures import Picture, Run, image_grid, image_shape, show


def interpolations(
    run: Run,
    latents: int | tuple[ArrayLike, ArrayLike] = 6,
    *given: ArrayLike,
    steps: int = 10,
    site: str = "z",
    prior: Literal["normal", "uniform"] | None = None,
    seed: int = 0,
    shape: tuple[int, int] | None = None,
) -> Picture:
    """The decoder along paths between latents: a row for each path, its ends at both ends.

    Draws of a Gaussian in many dimensions lie near a sphere, which a straight line leaves, so the
    path is a great circle (White 2016, arXiv:1609.04468), with angle w between the ends a and b:

        z(t) = sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b,    t from 0 to 1

    Under a uniform prior the path is straight.

    Args:
        run: a fitted run whose model has one latent.
        latents: how many paths between draws from the prior, or the ends themselves: two arrays
            with a row for each path, such as two of `run.latents(x)[site]`.
        *given: what the model takes besides x, such as labels, a row for each path.
        steps: images of a path, ends included, two or more.
        site: name of the latent.
        prior: `"normal"` or `"uniform"` on (-1, 1); by default the pair's own `prior`, and
            `"normal"` for pairs that name none.
        seed: seed of the draws from the prior.
        shape: of a row as a picture.

    Raises:
        ArgumentError: if an argument is out of range.
    """
    steps = check_count("steps", steps)
    if steps < 2:
        raise ArgumentError(f"steps must be at least 2, the two ends; got {steps}.")
    check_run(run)
    check_site(site)
    check_seed(seed)
    if prior is None:
        found = getattr(run.pair, "hyperparameters", {}).get("prior")
        prior = "uniform" if found == "uniform" else "normal"
    check_one_of("prior", prior, ("normal", "uniform"))
    start, end = _ends(run, latents, prior, seed)
    between = _between(start, end, np.linspace(0, 1, steps), straight=prior == "uniform")
    repeated = (np.repeat(np.asarray(each), steps, axis=0) for each in given)
    flat = between.reshape(-1, *start.shape[1:]).astype(np.float32)
    decoded = run.decode(*repeated, **{site: flat})
    figure = Picture(figsize=(steps * 0.6, len(start) * 0.6 + 0.3), layout="constrained")
    grid = image_grid(decoded, len(start), steps, image_shape(run, shape))
    path = "straight lines" if prior == "uniform" else "great circles"
    show(figure.add_subplot(), grid, f"decoder along {path} of {site}")
    return figure


def arithmetic(
    run: Run,
    plus: Sequence[ArrayLike],
    minus: Sequence[ArrayLike] = (),
    *given: ArrayLike,
    site: str = "z",
    shape: tuple[int, int] | None = None,
) -> Picture:
    """Sums and differences of latents: the mean of each group, and what becomes of them together.

        z = sum_i mean(plus_i) - sum_j mean(minus_j)

    (Radford, Metz & Chintala 2016, arXiv:1511.06434). Means of several latents are steadier than
    single ones. The picture has the decoder at each group's mean, the result last.

    Args:
        run: a fitted run.
        plus: groups of latents, (rows, latent_dim) each, such as `run.latents(x)["z"]` of images
            that have something in common.
        minus: groups that are taken off.
        *given: what the model takes besides x, a row for each group and one for the result.
        site: name of the latent.
        shape: of a row as a picture.

    Raises:
        ArgumentError: if there is no group to add, or groups differ in their columns.
    """
    check_run(run)
    check_site(site)
    added, taken = (_groups(name, each) for name, each in (("plus", plus), ("minus", minus)))
    signs, groups = [1.0] * len(added) + [-1.0] * len(taken), [*added, *taken]
    columns = {group.shape[1:] for group in groups}
    if not added or len(columns) != 1 or not all(map(len, groups)):
        raise ArgumentError(
            "plus must hold one group of latents or more, and all groups, minus too, have the same "
            f"columns and a row or more; got shapes {[group.shape for group in groups]}."
        )
    means = [group.mean(0) for group in groups]
    result = sum(sign * mean for sign, mean in zip(signs, means, strict=True))
    latents = np.stack([*means, result]).astype(np.float32)
    decoded = run.decode(*given, **{site: latents})
    figure = Picture(figsize=(len(latents) * 0.9, 1.4), layout="constrained")
    grid = image_grid(decoded, 1, len(latents), image_shape(run, shape))
    words = " ".join("+" if sign > 0 else "-" for sign in signs).removeprefix("+ ")
    show(figure.add_subplot(), grid, f"{words} =" if len(signs) > 1 else "mean")
    return figure


def _groups(name: str, groups: Any) -> list[NDArray[Any]]:
    """Groups of latents, each with a row or more.

    Raises:
        ArgumentError: if they are no list of arrays.
        DataError: if one does not hold finite numbers.
    """
    stacked = getattr(groups, "ndim", 0) == 3 and len(groups)
    if not isinstance(groups, (list, tuple)) and not stacked:
        raise ArgumentError(
            f"{name} must be a list of groups of latents, such as [run.latents(x)['z']], got "
            f"{shown(groups)}."
        )
    found = (as_array(each, np.float64) for each in groups)
    rows = (each[None] if each.ndim == 1 else each for each in found)
    return [check_rows(f"a group of {name}", each, real=np.float64) for each in rows]


def _ends(run: Run, latents: Any, prior: str, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """First and last latents of the paths, as given or drawn from the prior."""
    if isinstance(latents, (tuple, list)):
        if len(latents) != 2:
            raise ArgumentError(f"latents must be two arrays, the ends, got {len(latents)}.")
        start, end = (as_array(each, np.float64) for each in latents)
        if start.ndim < 2 or start.shape != end.shape or not len(start):
            raise ArgumentError(
                "latents must be a number of paths or two arrays of one shape, a row for each "
                f"path; got shapes {start.shape} and {end.shape}."
            )
        return start, end
    check_tiles(latents=latents)
    width = getattr(run.pair, "latent_dim", None)
    if not isinstance(width, int):
        raise ArgumentError(
            "the pair does not say the size of its latent (latent_dim); pass two arrays of its "
            "latents as latents=(start, end), a row for each path. Where it has none, nothing lies "
            "between: figures.samples(run) draws from the model."
        )
    random = np.random.default_rng(seed)
    drawn = random.normal if prior == "normal" else lambda size: random.uniform(-1, 1, size)
    start, end = drawn(size=(2, latents, width))
    return start, end


def _between(
    start: NDArray[Any], end: NDArray[Any], times: NDArray[Any], *, straight: bool
) -> NDArray[Any]:
    """Points of the paths, shape (paths, times, *latent)."""
    a, b = (each.reshape(len(each), 1, -1) for each in (start, end))
    t = times[:, None]
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = (a * b).sum(-1) / np.where(lengths > 0, lengths, 1)
    angle = np.arccos(np.clip(cosine, -1, 1))[..., None]
    sine = np.sin(angle)
    flat = straight | (sine < 1e-6)  # no great circle is the shortest, or it is a line
    safe = np.where(flat, 1, sine)
    first = np.where(flat, 1 - t, np.sin((1 - t) * angle) / safe)
    last = np.where(flat, t, np.sin(t * angle) / safe)
    return (first * a + last * b).reshape(len(a), len(times), *start.shape[1:])
