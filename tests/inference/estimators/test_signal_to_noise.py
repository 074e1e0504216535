"""Tighter bounds: what more particles do to the gradients of model and guide."""

from __future__ import annotations

import numpy as np
import one_gaussian as og
import pytest
from matplotlib.container import ErrorbarContainer

from inference import IWAE, EstimatorReport, estimator_report

COUNTS = (2, 16)


@pytest.fixture(scope="module")
def report() -> EstimatorReport:
    x = np.tile(og.X, (4, 1))
    return estimator_report(
        og.pair("numpyro"),
        {"IWAE": IWAE, "DReG": "dreg"},
        x,
        num_draws=10_000,
        num_particles=COUNTS,
        reference_draws=0,
    )


def test_iwae_loses_the_guides_signal_and_dreg_does_not(report: EstimatorReport) -> None:
    """Slopes of -1/2 and +1/2 (Rainforth et al. 2018, Tucker et al. 2019), the model's +1/2.

    10,000 draws of 16 data; a margin of 0.2 is seven or more standard errors of 20 blocks, which
    Student's t exceeds with a probability of 1e-6 each.
    """
    slopes = report.slopes().set_index(["label", "group"])
    assert (slopes.standard_error < 0.2 / 7).all()
    expected = {"IWAE": -0.5, "DReG": 0.5}
    for label, slope in expected.items():
        assert abs(slopes.slope[label, "guide"] - slope) < 0.2
        assert slopes.slope[label, "model"] > 0.2


def test_slopes_are_those_of_the_table(report: EstimatorReport) -> None:
    table = report.table()
    assert len(report.slopes()) == 4
    for found in report.slopes().to_dict("records"):
        chosen = table[(table.label == found["label"]) & (table.group == found["group"])]
        line = np.polyfit(np.log(chosen.num_particles), np.log(chosen.snr), 1)
        assert found["slope"] == pytest.approx(line[0])
        relative = chosen.snr_error / chosen.snr
        error = np.sqrt((relative**2).sum()) / np.log(COUNTS[1] / COUNTS[0])
        assert found["standard_error"] == pytest.approx(error)
    assert report.slopes(least=9).empty


def test_plot_shows_what_the_table_says(report: EstimatorReport) -> None:
    figure, table = report.plot(), report.table()
    assert [axes.get_title() for axes in figure.axes] == ["model", "guide"]
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        for container, label in zip(axes.containers, ("IWAE", "DReG"), strict=True):
            assert container.get_label() == label
            own = table[(table.label == label) & (table.group == axes.get_title())]
            assert isinstance(container, ErrorbarContainer)
            line, _, (bars,) = container.lines
            np.testing.assert_array_equal(line.get_xdata(), own.num_particles)
            np.testing.assert_array_equal(line.get_ydata(), own.snr)
            ends = np.array([segment[:, 1] for segment in bars.get_segments()])
            np.testing.assert_allclose(ends[:, 1], own.snr + 2 * own.snr_error)
            np.testing.assert_allclose(ends[:, 0], own.snr - 2 * own.snr_error)
        floor = np.asarray(axes.lines[-1].get_ydata())
        np.testing.assert_allclose(floor, (2 / np.pi / 10_000) ** 0.5)
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["IWAE", "DReG"]


def test_floor_is_what_noise_alone_gives(report: EstimatorReport) -> None:
    """|mean| / std of standard normal draws, 4,000 times 100; six standard errors."""
    noise = np.random.default_rng(0).normal(size=(4000, 100))
    ratios = np.abs(noise.mean(1)) / noise.std(1, ddof=1)
    expected = report.floor * 10  # 100 draws in place of 10,000
    assert abs(ratios.mean() - expected) < 6 * ratios.std() / 4000**0.5 + 0.01 * expected
