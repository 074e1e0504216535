"""Pictures of runs: learning curve, samples, reconstructions, what lies between latents."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from inference.arguments import check_count, check_one_of
from inference.errors import ArgumentError

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


def learning_curve(rows: list[dict[str, float]], unit: str = "nats per datum") -> Picture:
    """Loss and validation bound against the step, as bounds (higher is better).

    Args:
        rows: the history.
        unit: of the objective's value; a loss that is no bound in nats is drawn as it is.

    Raises:
        ArgumentError: if there is nothing to draw yet.
    """
    if not rows:
        raise ArgumentError("the run has no history yet; fit it for at least one epoch.")
    figure = Picture(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    steps = [row["step"] for row in rows]
    marker = "o" if len(rows) < 3 else ""
    sign, what = (-1, "bound") if unit == "nats per datum" else (1, "loss")
    axes.plot(steps, [sign * row["loss"] for row in rows], marker=marker, label=f"training {what}")
    if "valid_bound" in rows[0]:
        values = [-sign * row["valid_bound"] for row in rows]
        axes.plot(steps, values, marker=marker, label=f"validation {what}")
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.legend(frameon=False, loc="lower right" if sign < 0 else "upper right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def image_shape(run: Run, shape: tuple[int, int] | None = None) -> tuple[int, int]:
    """The shape of a row as a picture: the one given, the data's, or a square.

    Raises:
        ArgumentError: if none of these fits.
    """
    row = getattr(run.pair, "data_shape", None)
    width = None if row is None else math.prod(row)
    found = shape or run.image_shape
    if found is None and width is not None and math.isqrt(width) ** 2 == width:
        found = (math.isqrt(width), math.isqrt(width))
    if found is None or (width is not None and math.prod(found) != width):
        raise ArgumentError(
            f"rows of {width} columns are no picture of shape {found}; pass shape=(height, width)."
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
    drawn = run.sample(rows * columns, *given, seed=seed)
    figure = Picture(figsize=(columns * 0.6, rows * 0.6), layout="constrained")
    _picture(figure.add_subplot(), _grid(drawn, rows, columns, image_shape(run, shape)), "samples")
    return figure


def reconstructions(
    run: Run, x: ArrayLike, *given: ArrayLike, shape: tuple[int, int] | None = None, seed: int = 0
) -> Picture:
    """Data above their reconstructions, a column each."""
    data = np.asarray(x, dtype=np.float32)
    both = np.concatenate([data, run.reconstruct(data, *given, seed=seed)])
    figure = Picture(figsize=(len(data) * 0.6, 1.5), layout="constrained")
    title = "data and reconstructions"
    _picture(figure.add_subplot(), _grid(both, 2, len(data), image_shape(run, shape)), title)
    return figure


def overview(runs: dict[str, Run], x: ArrayLike, *, columns: int = 12) -> Picture:
    """Samples and reconstructions of several runs, a block each."""
    data = np.asarray(x, dtype=np.float32)[:columns]
    figure = Picture(figsize=(columns * 0.6, len(runs) * 4.2), layout="constrained")
    axes = figure.subplots(2 * len(runs), 1, height_ratios=[2, 1] * len(runs), squeeze=False)[:, 0]
    for (label, run), upper, lower in zip(runs.items(), axes[::2], axes[1::2], strict=True):
        shape = image_shape(run)
        _picture(upper, _grid(run.sample(4 * columns), 4, columns, shape), f"{label}: samples")
        both = np.concatenate([data, run.reconstruct(data)])
        _picture(lower, _grid(both, 2, columns, shape), f"{label}: data and reconstructions")
    return figure


def latent_manifold(
    run: Run, *, size: int = 15, site: str = "z", shape: tuple[int, int] | None = None
) -> Picture:
    """The decoder over a grid of a two-dimensional latent, at equal steps of its prior's quantiles.

    Raises:
        ArgumentError: if the latent is not two-dimensional.
    """
    width = getattr(run.pair, "latent_dim", None)
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
    _picture(axes, _grid(decoded, size, size, image_shape(run, shape)), f"decoder over {site}")
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
    if not runs:
        raise ArgumentError("runs must be {label: run} with one run or more, got none.")
    check_count("columns", columns)
    shapes = {label: image_shape(run, shape) for label, run in runs.items()}
    if len(set(shapes.values())) > 1:
        raise ArgumentError(f"runs to be compared must draw images of one shape, got {shapes}.")
    drawn = [run.sample(columns, *given, seed=seed) for run in runs.values()]
    height, width = next(iter(shapes.values()))
    beside = 0.3 + 0.085 * max(map(len, runs))  # inches that the labels take
    figure = Picture(figsize=(columns * 0.6 + beside, len(runs) * 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(
        _grid(np.concatenate(drawn), len(runs), columns, (height, width)),
        **_GREY,
        extent=(0, columns * (width + 1) - 1, len(runs) * (height + 1) - 1, 0),
    )
    axes.set_yticks([row * (height + 1) + height / 2 for row in range(len(runs))], list(runs))
    axes.set_xticks([])
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    return figure


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
    check_count("steps", steps)
    if steps < 2:
        raise ArgumentError(f"steps must be at least 2, the two ends; got {steps}.")
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
    grid = _grid(decoded, len(start), steps, image_shape(run, shape))
    path = "straight lines" if prior == "uniform" else "great circles"
    _picture(figure.add_subplot(), grid, f"decoder along {path} of {site}")
    return figure


def _ends(run: Run, latents: Any, prior: str, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """First and last latents of the paths, as given or drawn from the prior."""
    if isinstance(latents, tuple):
        start, end = (np.asarray(each, dtype=np.float64) for each in latents)
        if start.ndim < 2 or start.shape != end.shape or not len(start):
            raise ArgumentError(
                "latents must be a number of paths or two arrays of one shape, a row for each "
                f"path; got shapes {start.shape} and {end.shape}."
            )
        return start, end
    check_count("latents", latents)
    width = getattr(run.pair, "latent_dim", None)
    if not isinstance(width, int):
        raise ArgumentError(
            "the pair does not say the size of its latent (latent_dim); pass latents=(start, end)."
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


def latent_scatter(run: Run, x: ArrayLike, labels: ArrayLike, *, site: str = "z") -> Picture:
    """The guide's means of the first two latent coordinates, coloured by label."""
    latents = run.latents(np.asarray(x, dtype=np.float32))[site]
    figure = Picture(figsize=(5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    classes = np.asarray(labels)
    for label in np.unique(classes):
        chosen = latents[classes == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=8, label=str(label))
    axes.set_xlabel(f"{site}[0]")
    axes.set_ylabel(f"{site}[1]")
    axes.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _grid(images: NDArray[Any], rows: int, columns: int, shape: tuple[int, int]) -> NDArray[Any]:
    """(rows * columns, D) as one picture, with a line of background between the images."""
    height, width = shape
    tiles = images.reshape(rows, columns, height, width)
    padded = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.0)
    return padded.transpose(0, 2, 1, 3).reshape(rows * (height + 1), columns * (width + 1))[
        :-1, :-1
    ]


def _picture(axes: Axes, picture: NDArray[Any], title: str) -> None:
    axes.imshow(picture, **_GREY)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
