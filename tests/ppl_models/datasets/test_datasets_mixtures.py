"""The ring and the grid of Gaussians: their centres, their draws, their ids."""

from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from inference.cli.data import parse_data_id
from ppl_models.datasets import grid, list_datasets, load, ring

BOTH = {"ring": ring, "grid": grid}
PROBABILITY = 1e-6  # each of the tests below fails for less than 6 seeds of a million


def test_centres_are_those_of_the_papers() -> None:
    around = ring.centres()
    assert around.shape == (8, 2)
    np.testing.assert_allclose(np.linalg.norm(around, axis=1), 2)
    gaps = np.linalg.norm(around - np.roll(around, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 4 * np.sin(np.pi / 8))  # chords of an octagon
    assert sorted(map(tuple, grid.centres().tolist())) == sorted(
        (float(x), float(y)) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    )
    assert (ring.SCALE, grid.SCALE) == (0.02, 0.05)


@pytest.mark.parametrize(("name", "source"), BOTH.items())
def test_draws_are_gaussians_around_their_centres(name: str, source: ModuleType) -> None:
    """50,000 draws; a right draw fails with a probability below 1e-5."""
    data = load(name)
    shapes = {split: getattr(data, split).shape for split in ("train", "valid", "test")}
    assert shapes == {"train": (50_000, 2), "valid": (10_000, 2), "test": (10_000, 2)}
    noise = ((data.train - source.centres()[data.labels["train"]]) / source.SCALE).ravel()
    assert stats.kstest(noise, "norm").pvalue > PROBABILITY
    pairs = noise.reshape(-1, 2)
    assert abs(pairs[:, 0] @ pairs[:, 1]) / len(pairs) < 4.9 / np.sqrt(len(pairs))
    counts = np.bincount(data.labels["train"], minlength=len(source.centres()))
    assert len(counts) == len(source.centres())
    assert stats.chisquare(counts).pvalue > PROBABILITY


@pytest.mark.parametrize("name", BOTH)
def test_the_seed_makes_the_data_and_is_in_their_id(name: str) -> None:
    assert name in list_datasets()
    one, other = load(name, seed=3), load(name, seed=4)
    assert one.id == load(name, seed=3).id
    assert one.id["test"].hash != other.id["test"].hash
    assert (one.train[:10_000] != one.test).any()
    identity = str(one.data_id("train"))
    assert identity.startswith(f"{name}/train/real/seed=3/")
    again, options = parse_data_id(identity)  # as `ppl-zoo evaluate` finds the data of a run
    assert load(again, **options).id == one.id


@pytest.mark.parametrize(("name", "source"), BOTH.items())
def test_splits_are_drawn_apart(name: str, source: ModuleType) -> None:
    """Labels of two splits agree by chance: 10,000 pairs of M parts, a deviation of 5 in 1e6."""
    data = load(name)
    splits = [(getattr(data, split)[:10_000], data.labels[split][:10_000]) for split in data.labels]
    chance = 1 / len(source.centres())
    for (one, its), (other, theirs) in itertools.combinations(splits, 2):
        assert not (one == other).all(1).any()
        allowed = 5 * np.sqrt(chance * (1 - chance) / len(its))
        assert abs((its == theirs).mean() - chance) < allowed


@pytest.mark.parametrize("name", BOTH)
def test_a_seed_is_a_whole_number(name: str) -> None:
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, got 0\.5"):
        load(name, seed=0.5)
