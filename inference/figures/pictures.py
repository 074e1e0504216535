"""Pictures of runs: samples, reconstructions, latents."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from inference.descriptions import shown
from inference.errors import ArgumentError, DataError
from inference.figures.arguments import (
    check_rows,
    check_run,
    check_runs,
    check_shape,
    check_site,
    check_tiles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_GREY: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}


class Run(Protocol):
    """A run, as far as a picture asks it; `inference.Run` is one."""

    @property
    def pair(self) -> Any:
        """The fitted pair."""
        ...

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Shape of a row as a picture, if it is one."""
        ...

    def sample(self, size: int, *given: ArrayLike, seed: int = 0) -> NDArray[Any]:
        """Rows that the model draws."""
        ...

    def latents(self, *x: ArrayLike, seed: int = 0) -> dict[str, NDArray[Any]]:
        """The guide's mean of each latent."""
        ...

    def reconstruct(self, *x: ArrayLike, seed: int = 0) -> NDArray[Any]:
        """The likelihood's mean at these."""
        ...

    def decode(self, *given: ArrayLike, **latents: ArrayLike) -> NDArray[Any]:
        """The likelihood's mean at given latents."""
        ...


class Picture(Figure):
    """A figure that a notebook shows by itself, without pyplot and its global state."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()


def image_shape(run: Run, shape: tuple[int, int] | None = None) -> tuple[int, int]:
    """The shape of a row as a picture: the one given, the data's, or a square.

    Raises:
        ArgumentError: if none of these fits.
    """
    shape = check_shape(shape)
    row = getattr(check_run(run).pair, "data_shape", None)
    width = None if row is None else math.prod(row)
    found = shape or run.image_shape
    if found is None and width is not None and math.isqrt(width) ** 2 == width:
        found = (math.isqrt(width), math.isqrt(width))
    if found is None or (width is not None and math.prod(found) != width):
        shaped = "" if found is None else f" of shape {found}"
        raise ArgumentError(
            f"rows of {width} columns are no picture{shaped}; pass shape=(height, width)."
        )
    return found


def samples(
    run: Run,
    *given: ArrayLike,
    rows: int = 4,
    columns: int = 12,
    seed: int = 0,
    shape: tuple[int, int] | None = None,
) -> Picture:
    """A grid of likelihood means drawn from the model; `given` what it takes besides x."""
    size = check_tiles(rows=rows, columns=columns)
    drawn = check_run(run).sample(size, *given, seed=seed)
    figure = Picture(figsize=(columns * 0.6, rows * 0.6), layout="constrained")
    show(figure.add_subplot(), image_grid(drawn, rows, columns, image_shape(run, shape)), "samples")
    return figure


def reconstructions(
    run: Run, x: ArrayLike, *given: ArrayLike, shape: tuple[int, int] | None = None, seed: int = 0
) -> Picture:
    """Data above their reconstructions, a column each."""
    check_run(run)
    data = check_rows("x", x)
    both = np.concatenate([data, run.reconstruct(data, *given, seed=seed)])
    figure = Picture(figsize=(len(data) * 0.6, 1.5), layout="constrained")
    title = "data and reconstructions"
    show(figure.add_subplot(), image_grid(both, 2, len(data), image_shape(run, shape)), title)
    return figure


def overview(runs: dict[str, Run], x: ArrayLike, *, columns: int = 12) -> Picture:
    """Samples of several runs, a block each, above reconstructions where there are latents."""
    runs, data = check_runs(runs), check_rows("x", x)[: check_tiles(columns=columns)]
    blocks: list[tuple[str, NDArray[Any], int]] = []
    for label, run in runs.items():
        shape = image_shape(run)
        grid = image_grid(run.sample(4 * columns), 4, columns, shape)
        blocks.append((f"{label}: samples", grid, 4))
        if run.latents(data):
            both = np.concatenate([data, run.reconstruct(data)])
            grid = image_grid(both, 2, len(data), shape)
            blocks.append((f"{label}: data and reconstructions", grid, 2))
    heights = [height for _, _, height in blocks]
    figure = Picture(figsize=(columns * 0.6, 0.7 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for (title, grid, _), each in zip(blocks, axes, strict=True):
        show(each, grid, title)
    return figure


def latent_manifold(
    run: Run, *, size: int = 15, site: str = "z", shape: tuple[int, int] | None = None
) -> Picture:
    """The decoder over a grid of a two-dimensional latent, at equal steps of its prior's quantiles.

    Raises:
        ArgumentError: if the latent is not two-dimensional.
    """
    width = getattr(check_run(run).pair, "latent_dim", None)
    check_site(site)
    check_tiles(size=size)
    if not isinstance(width, int):
        raise ArgumentError(
            "the manifold is of one latent of size 2, and this pair does not say that it has one "
            "(latent_dim); figures.samples(run) draws from the model, and run.decode takes latents "
            "of yours."
        )
    if width != 2:
        raise ArgumentError(
            f"the manifold needs a latent of size 2, this pair's has {width}; create it with "
            "latent_dim=2."
        )
    line = norm.ppf((np.arange(size) + 0.5) / size)
    across, down = np.meshgrid(line, line[::-1])
    decoded = run.decode(**{site: np.stack([across.ravel(), down.ravel()], axis=1)})
    figure = Picture(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    show(axes, image_grid(decoded, size, size, image_shape(run, shape)), f"decoder over {site}")
    return figure


def sample_rows(
    runs: dict[str, Run],
    *given: ArrayLike,
    columns: int = 12,
    seed: int = 0,
    shape: tuple[int, int] | None = None,
) -> Picture:
    """One row of samples for each run, with its label: likelihood means drawn from the models.

    Raises:
        ArgumentError: if there are no runs, or their rows are pictures of different shapes.
    """
    runs = check_runs(runs)
    check_tiles(columns=columns)
    shapes = {label: image_shape(run, shape) for label, run in runs.items()}
    if len(set(shapes.values())) > 1:
        raise ArgumentError(f"runs to be compared must draw images of one shape, got {shapes}.")
    drawn = [run.sample(columns, *given, seed=seed) for run in runs.values()]
    height, width = next(iter(shapes.values()))
    beside = 0.3 + 0.085 * max(map(len, runs))  # inches that the labels take
    figure = Picture(figsize=(columns * 0.6 + beside, len(runs) * 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(
        image_grid(np.concatenate(drawn), len(runs), columns, (height, width)),
        **_GREY,
        extent=(0, columns * (width + 1) - 1, len(runs) * (height + 1) - 1, 0),
    )
    axes.set_yticks([row * (height + 1) + height / 2 for row in range(len(runs))], list(runs))
    axes.set_xticks([])
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    return figure


def latent_scatter(run: Run, x: ArrayLike, labels: ArrayLike, *, site: str = "z") -> Picture:
    """The guide's means of the first two latent coordinates, coloured by label.

    Raises:
        ArgumentError: if there is no such latent, or it has one entry.
        DataError: if there is not a label for each row.
    """
    rows = check_rows("x", x)
    every = check_run(run).latents(rows)
    if check_site(site) not in every:
        raise ArgumentError(
            f"the guide has no latent {site!r}; it has {', '.join(every) or 'none'}."
        )
    classes, latents = _labels(labels), every[site]
    if classes.shape != (len(rows),) or classes.dtype.kind not in "biufU":
        raise DataError(
            f"labels must be {len(rows)} numbers or words, one for each row of x, got "
            f"{shown(labels)}."
        )
    if latents.ndim != 2 or latents.shape[1] < 2:
        raise ArgumentError(
            f"latent_scatter needs a latent of two entries or more, and {site!r} has shape "
            f"{latents.shape[1:]}."
        )
    figure = Picture(figsize=(5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for label in np.unique(classes):
        chosen = latents[classes == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=8, label=str(label))
    axes.set_xlabel(f"{site}[0]")
    axes.set_ylabel(f"{site}[1]")
    axes.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _labels(labels: Any) -> NDArray[Any]:
    """Labels as an array; one without entries where they are none."""
    try:
        return np.asarray(labels)
    except ValueError:  # rows of unequal length
        return np.empty(0)


def image_grid(
    images: NDArray[Any], rows: int, columns: int, shape: tuple[int, int]
) -> NDArray[Any]:
    """(rows * columns, D) as one picture, with a line of background between the images."""
    height, width = shape
    tiles = images.reshape(rows, columns, height, width)
    padded = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.0)
    return padded.transpose(0, 2, 1, 3).reshape(rows * (height + 1), columns * (width + 1))[
        :-1, :-1
    ]


def show(axes: Axes, picture: NDArray[Any], title: str) -> None:
    """Draw a picture in shades of grey, with its title."""
    axes.imshow(picture, **_GREY)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
