"""Densities of the plane that are known: they integrate to 1, and the draws are theirs."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from inference.cli.data import parse_data_id
from ppl_models.datasets import checkerboard, grid, list_datasets, load, ring, rings, spirals

KNOWN = {
    "ring": ring,
    "grid": grid,
    "rings": rings,
    "spirals": spirals,
    "checkerboard": checkerboard,
}
PROBABILITY = 1e-6  # each test below fails for less than 5 seeds of a million
GRAIN = {"ring": 0.01, "grid": 0.02, "rings": 0.02, "spirals": 0.05, "checkerboard": 0.1}


def lattice(width: float) -> np.ndarray:
    """The middles of squares that cover what the densities have within [-5, 5]."""
    line = np.arange(-5 + width / 2, 5, width)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize(("name", "source"), KNOWN.items())
def test_the_density_integrates_to_one(name: str, source: ModuleType) -> None:
    width = GRAIN[name]
    total = np.exp(source.log_p(lattice(width))).sum() * width**2
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("name", "source"), KNOWN.items())
def test_draws_have_the_density(name: str, source: ModuleType) -> None:
    """50,000 draws counted in squares of 0.5, against the integral over each (chi-square)."""
    x, log_p = load(name).train, load(name).log_p
    assert log_p is source.log_p
    assert x.shape == (50_000, 2)
    assert np.isfinite(source.log_p(x)).all()
    points, edges = lattice(GRAIN[name]), np.linspace(-5, 5, 21)
    mass = np.histogram2d(
        *points.T, bins=edges, weights=GRAIN[name] ** 2 * np.exp(source.log_p(points))
    )[0]
    seen = np.histogram2d(*x.T, bins=edges)[0]
    often = 50_000 * mass > 5
    expected = np.append(mass[often], max(1 - mass[often].sum(), 1e-12)) * 50_000
    counts = np.append(seen[often], 50_000 - seen[often].sum())
    if expected[-1] < 5:  # too few to count by themselves
        expected, counts = expected[:-1], counts[:-1]
    expected *= counts.sum() / expected.sum()
    assert stats.chisquare(counts, expected).pvalue > PROBABILITY


@pytest.mark.parametrize("name", ["rings", "spirals", "checkerboard"])
def test_the_seed_makes_the_data_and_is_in_their_id(name: str) -> None:
    assert name in list_datasets()
    one, other = load(name, seed=3), load(name, seed=4)
    assert one.id == load(name, seed=3).id
    assert one.id["test"].hash != other.id["test"].hash
    again, options = parse_data_id(str(one.data_id("train")))
    assert load(again, **options).id == one.id
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, got 0\.5"):
        load(name, seed=0.5)


def test_labels_name_the_parts() -> None:
    near: Any = np.linalg.norm(load("rings").test, axis=1).round().clip(1, 4) - 1
    assert (near == load("rings").labels["test"]).mean() > 0.999
    board = load("checkerboard")
    assert len(np.unique(board.labels["train"])) == 8
    assert load("spirals").labels["train"].max() == 1
    np.testing.assert_allclose(
        checkerboard.log_p([[-3.0, -3.0], [-1.0, -3.0], [9.0, 9.0]]),
        [-np.log(32), -np.inf, -np.inf],
    )


def test_points_have_two_columns() -> None:
    with pytest.raises(ValueError, match=r"x must have shape \(N, 2\), got \(3,\)"):
        rings.log_p([1.0, 2.0, 3.0])
