"""Figures: what is in the picture, and what cannot be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Run, figures, fit
from inference.errors import ArgumentError
from inference.figures import interpolation
from ppl_models import create
from ppl_models.datasets import load


@pytest.fixture(scope="module")
def run() -> Run:
    pair = create("vae", engine="numpyro", data_dim=64, latent_dim=2, hidden=(8,))
    return fit(pair, load("digits"), epochs=2, progress=False)


def test_learning_curve_shows_the_history(run: Run) -> None:
    training, valid = run.plot().axes[0].lines
    np.testing.assert_array_equal(training.get_xdata(), run.history["step"])
    np.testing.assert_allclose(np.asarray(training.get_ydata()), -run.history["loss"])
    np.testing.assert_allclose(np.asarray(valid.get_ydata()), run.history["valid_bound"])


def test_grids_hold_the_images_in_their_places(run: Run) -> None:
    test = load("digits").test[:3]
    picture = figures.reconstructions(run, test).axes[0].images[0].get_array()
    assert picture is not None
    assert picture.shape == (2 * 9 - 1, 3 * 9 - 1)
    for column in range(3):
        place = slice(9 * column, 9 * column + 8)
        np.testing.assert_array_equal(picture[:8, place], test[column].reshape(8, 8))
        rebuilt = run.reconstruct(test)[column].reshape(8, 8)
        np.testing.assert_allclose(picture[9:17, place], rebuilt)


def test_manifold_runs_over_the_prior_with_its_axes_as_on_a_map(run: Run) -> None:
    picture = figures.latent_manifold(run, size=3).axes[0].images[0].get_array()
    assert picture is not None
    top_left = run.decode(z=np.array([[-0.967422, 0.967422]]))[0]
    np.testing.assert_allclose(picture[:8, :8], top_left.reshape(8, 8), atol=1e-5)


def test_interpolations_end_where_they_are_told(run: Run) -> None:
    start, end = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [3.0, 3.0]])
    picture = figures.interpolations(run, (start, end), steps=3).axes[0].images[0].get_array()
    assert picture is not None
    # A right angle: the middle of sin(pi/4) / sin(pi/2) of each end. Parallel ends: a line.
    half = np.sqrt(0.5) * (start[0] + end[0])
    places = np.array([start[0], half, end[0], start[1], [2.0, 2.0], end[1]])
    expected = run.decode(z=places.astype(np.float32)).reshape(2, 3, 8, 8)
    for row, column in np.ndindex(2, 3):
        tile = picture[9 * row : 9 * row + 8, 9 * column : 9 * column + 8]
        np.testing.assert_allclose(tile, expected[row, column], atol=1e-5)
    straight = figures.interpolations(run, (start, end), steps=3, prior="uniform")
    middle = np.asarray(straight.axes[0].images[0].get_array())[:8, 9:17]
    line = run.decode(z=np.array([[1.0, 0.5]], dtype=np.float32))[0]
    np.testing.assert_allclose(middle, line.reshape(8, 8), atol=1e-5)


def test_a_great_circle_keeps_the_length_of_its_ends() -> None:
    random = np.random.default_rng(0)
    start, end = random.normal(size=(2, 5, 3, 4))  # a latent of two axes is one vector
    start, end = (each / np.linalg.norm(each, axis=(1, 2), keepdims=True) for each in (start, end))
    found = interpolation._between(start, end, np.linspace(0, 1, 7), straight=False)
    assert found.shape == (5, 7, 3, 4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=(2, 3)), 1, rtol=1e-12)
    np.testing.assert_allclose(found[:, 0], start, atol=1e-12)
    np.testing.assert_allclose(found[:, -1], end, atol=1e-12)
    steps = np.linalg.norm(np.diff(found, axis=1), axis=(2, 3))  # at equal angles
    np.testing.assert_allclose(steps, np.repeat(steps[:, :1], 6, axis=1), rtol=1e-9)


def test_sample_rows_are_the_samples_of_each_run(run: Run) -> None:
    figure = figures.sample_rows({"one": run, "two": run}, columns=3, seed=4)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]
    np.testing.assert_array_equal(axes.get_yticks(), [4, 13])  # the middles of the rows
    picture = np.asarray(axes.images[0].get_array())
    drawn = run.sample(3, seed=4).reshape(3, 8, 8)
    for row, column in np.ndindex(2, 3):
        tile = picture[9 * row : 9 * row + 8, 9 * column : 9 * column + 8]
        np.testing.assert_allclose(tile, drawn[column])


def test_an_overview_shows_reconstructions_of_what_has_latents(run: Run) -> None:
    data = load("digits")
    pair = create("made", engine="pyro", data_dim=64, hidden=(8,))
    plain = fit(pair, data, steps=2, progress=False)
    titles = [each.get_title() for each in figures.overview({"a": run, "b": plain}, data.test).axes]
    assert titles == ["a: samples", "a: data and reconstructions", "b: samples"]


def test_every_figure_can_be_written(run: Run, tmp_path) -> None:
    data = load("digits")
    drawn = {
        "curve": run.plot(),
        "samples": figures.samples(run),
        "reconstructions": figures.reconstructions(run, data.test[:4]),
        "overview": figures.overview({"numpyro": run}, data.test),
        "manifold": figures.latent_manifold(run, size=4),
        "rows": figures.sample_rows({"ELBO": run, "again": run}),
        "interpolations": figures.interpolations(run),
        "scatter": figures.latent_scatter(run, data.test, data.labels["test"]),
    }
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 2000


def test_what_cannot_be_drawn_is_explained(run: Run) -> None:
    with pytest.raises(ArgumentError, match=r"64 columns are no picture of shape \(5, 5\)"):
        figures.samples(run, shape=(5, 5))
    wide = create("vae", engine="numpyro", data_dim=64, latent_dim=3, hidden=(8,))
    with pytest.raises(ArgumentError, match="latent of size 2, this pair's has 3"):
        figures.latent_manifold(fit(wide, load("digits"), steps=1, progress=False))
    with pytest.raises(ArgumentError, match="no history yet"):
        figures.learning_curve([])
    with pytest.raises(ArgumentError, match=r"runs must be .* with one run or more, got none"):
        figures.sample_rows({})
    with pytest.raises(ArgumentError, match=r"Write {'a label': run} for one run"):
        figures.overview(run, load("digits").test)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="steps must be at least 2, the two ends; got 1"):
        figures.interpolations(run, steps=1)
    with pytest.raises(ArgumentError, match="latents must be a whole number of at least 1"):
        figures.interpolations(run, 0)
    with pytest.raises(ArgumentError, match=r"got shapes \(2, 2\) and \(1, 2\)"):
        figures.interpolations(run, (np.zeros((2, 2)), np.zeros((1, 2))))
    with pytest.raises(ArgumentError, match="prior must be one of normal, uniform, got 'cauchy'"):
        figures.interpolations(run, prior="cauchy")  # pyright: ignore[reportArgumentType]


def test_a_learning_curve_takes_the_run_with_its_unit(run: Run) -> None:
    (axes,) = figures.learning_curve(run).axes
    assert axes.get_ylabel() == run.unit
    (of_rows,) = figures.learning_curve(run.rows, run.unit).axes
    assert len(axes.lines) == 2
    for one, other in zip(axes.lines, of_rows.lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
