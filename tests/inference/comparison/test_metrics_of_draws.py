"""Metrics that ask a run for draws or codes and the data for labels, against known answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference import parzen_log_likelihood
from inference.comparison import sample_metrics
from inference.comparison.metrics import METRICS, chosen
from inference.errors import ArgumentError
from ppl_models.datasets import load, ring


def drawing(rows: Any, **more: Any) -> Any:
    """A run that draws given rows, over and over."""
    sample = lambda size, seed: np.resize(rows, (size, rows.shape[1]))  # noqa: E731
    return SimpleNamespace(sample=sample, objective=None, **more)


def asked(metric: str, run: Any, x: Any, data: Any = None) -> Any:
    return next(iter(chosen(metric).values()))(run, (x,), data=data)


def test_modes_are_those_near_the_labelled_data():
    data, centres = load("ring", seed=3), ring.centres()
    off = np.array([2.5 * ring.SCALE, 0.0])
    near, far = centres[[0, 0, 0, 2]] + off, centres[[4]] + 4 * off
    run = drawing(np.concatenate([near, far]))
    assert asked("modes:num_samples=5", run, data.test, data).value == 2
    assert asked("modes:num_samples=5,least=2", run, data.test, data).value == 1
    assert asked("near_a_mode:num_samples=5", run, data.test, data).value == pytest.approx(80)


def test_parzen_is_the_library_functions():
    data = load("digits", binarisation=None)
    run = drawing(data.train[:50] + 0.2)  # clipped to grey levels before it is compared
    direct = parzen_log_likelihood(np.clip(data.train[:50] + 0.2, 0, 1), data.valid, data.test[:9])
    found = asked("parzen:num_samples=50", run, data.test[:9], data)
    assert (found.value, found.error) == (direct.mean, direct.standard_error)
    assert "validation data" in asked("parzen", run, data.test, data.train).note


def test_draws_that_are_the_data_are_perfect():
    images = np.kron(load("digits", binarisation=None).test[:60].reshape(-1, 8, 8), np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    run, words = drawing(images), ":num_samples=60"
    assert asked(f"frechet{words}", run, images).value == pytest.approx(0, abs=1e-6)
    assert asked(f"precision{words}", run, images).value == 1
    assert asked(f"recall{words}", run, images).value == 1
    assert asked(f"digits_score{words}", run, images).value > 1
    one = drawing(images[:1])
    assert asked(f"frechet{words}", one, images).value > 10
    assert asked(f"recall{words}", one, images).value == pytest.approx(1 / 60)
    assert asked(f"digits_score{words}", one, images).value == pytest.approx(1)


def test_neighbours_are_counted_in_the_guides_space():
    data = load("digits", binarisation=None)
    first = lambda x: {"z": x[:, ::2], "c": x[:, 1:2].reshape(-1, 1, 1)}  # noqa: E731
    run = drawing(data.train, latents=first)
    codes = [np.hstack([x[:, ::2], x[:, 1:2]]) for x in (data.train, data.test)]
    squares = ((codes[1][:, None] - codes[0]) ** 2).sum(-1)
    hits = data.labels["train"][squares.argmin(1)] == data.labels["test"]
    found = asked("neighbours", run, data.test, data)
    assert found.value == pytest.approx(100 * hits.mean())
    assert found.error == pytest.approx(100 * hits.std() / np.sqrt(len(hits)))
    assert "score these" in asked("neighbours", run, data.test[:5], data).note
    assert "have labels" in asked("neighbours", run, data.test, data.test).note


def test_classes_that_are_wrong_are_counted(monkeypatch):
    data = load("digits")
    guessed = np.eye(10)[(data.labels["test"] + (np.arange(len(data.test)) < 30)) % 10]
    monkeypatch.setattr(sample_metrics, "classify", lambda pair, x, **how: guessed)
    found = asked("classification_error", drawing(data.train, pair=None), data.test, data)
    assert found.value == pytest.approx(100 * 30 / len(data.test))


def test_the_gap_is_asked_for_with_all_settings(monkeypatch):
    def answered(pair: Any, rows: int, **settings: Any) -> Any:
        assert (pair, rows, settings) == ("a pair", 4, {"num_chains": 2, "seed": 0})
        return SimpleNamespace(gap=0.5, standard_error=0.1)

    monkeypatch.setattr(sample_metrics, "bidirectional", answered)
    run = drawing(np.zeros((4, 3)), pair="a pair")
    found = asked("bidirectional_gap:num_rows=4,num_chains=2", run, np.zeros((4, 3)))
    assert (found.value, found.error) == (0.5, 0.1)


def test_what_is_handed_over_is_no_setting():
    for metric in ("modes:data=1", "posterior_error:reference=1"):
        with pytest.raises(ArgumentError, match="no keyword=value"):
            chosen(metric)
    assert all(metric.measure.__doc__ for metric in METRICS.values())
