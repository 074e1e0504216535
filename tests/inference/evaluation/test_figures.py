"""Figures: what is in the picture, and what cannot be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from inference import Run, fit
from inference.errors import ArgumentError
from inference.evaluation import figures
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


def test_every_figure_can_be_written(run: Run, tmp_path) -> None:
    data = load("digits")
    drawn = {
        "curve": run.plot(),
        "samples": figures.samples(run),
        "reconstructions": figures.reconstructions(run, data.test[:4]),
        "overview": figures.overview({"numpyro": run}, data.test),
        "manifold": figures.latent_manifold(run, size=4),
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
