"""Recurrent nets against plain loops over each sequence's own steps, sums and quadrature."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from numpy.typing import NDArray
from rows import ENGINES
from scipy.special import expit, logsumexp
from scipy.stats import norm
from scoring import kernel_names
from sequential_laws import called, jacobian, law, moved, states

from inference import check_pair, log_likelihood
from inference.engines import load_engine
from ppl_models import create

LENGTH, WIDTH = 3, 2
SMALL: dict[str, Any] = {"data_dim": WIDTH, "length": LENGTH, "hidden_dim": 4}
MIXTURE = {**SMALL, "likelihood": "mixture", "components": 2, "cell": "lstm"}
LENGTHS = np.array([3, 1, 2])
Array = NDArray[Any]
both = pytest.mark.parametrize("engine", ENGINES)
logpdf: Any = norm.logpdf


def rows(settings: dict[str, Any], count: int = 3) -> NDArray[np.float32]:
    x = np.random.default_rng(5).normal(size=(count, LENGTH, WIDTH)).astype(np.float32)
    return x if "likelihood" in settings else (x > 0).astype(np.float32)


def built(engine: str, settings: dict[str, Any]) -> Any:
    return moved(engine, "recurrent", (rows(settings),), 0.7, **settings)


def plain(pair: Any, x: Array, settings: dict[str, Any]) -> float:
    """log p of one sequence, step by step."""
    own = load_engine(pair.engine).parameters(pair)
    own = own if pair.engine == "pyro" else kernel_names(own)
    own = {name.removeprefix("network."): value.astype(float) for name, value in own.items()}
    h, c, total = own["start.value"], 0.0, 0.0
    for seen in x.astype(float):
        out = own["output.layers.0.weight"] @ h + own["output.layers.0.bias"]
        if "likelihood" in settings:
            k = settings["components"]
            mean, scale = (part.reshape(k, WIDTH) for part in np.split(out[k:], 2))
            scale = np.log1p(np.exp(scale)) + 1e-3
            each = out[:k] - logsumexp(out[:k]) + logpdf(seen, mean, scale).sum(1)
            total += float(np.asarray(logsumexp(each)))
        else:
            total += np.log(np.where(seen == 1, expit(out), expit(-out))).sum()
        shown = own["input.weight"] @ seen
        again = own["cell.recurrent.weight"] @ h + own["cell.recurrent.bias"]
        if settings.get("cell") == "lstm":
            i, f, g, o = np.split(shown + again, 4)
            c = expit(f + 1) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
        else:
            (a, b, n), (r, u, m) = np.split(shown, 3), np.split(again, 3)
            h = (1 - expit(b + u)) * np.tanh(n + expit(a + r) * m) + expit(b + u) * h
    return total


@both
@pytest.mark.parametrize("settings", [SMALL, {**SMALL, "cell": "lstm"}, MIXTURE])
def test_densities_are_those_of_each_sequence_up_to_its_length(
    engine: str, settings: dict[str, Any]
) -> None:
    pair, x = built(engine, settings), rows(settings)
    found = log_likelihood(pair, (x, LENGTHS), 1).per_datum
    own = [plain(pair, row[:n], settings) for row, n in zip(x, LENGTHS, strict=True)]
    np.testing.assert_allclose(found, own, rtol=1e-4)
    padding = np.arange(LENGTH)[None, :, None] >= LENGTHS[:, None, None]
    other = np.where(padding, 1 - x, x).astype(np.float32)
    assert (other != x).any()
    np.testing.assert_array_equal(log_likelihood(pair, (other, LENGTHS), 1).per_datum, found)


@both
def test_probabilities_of_all_sequences_sum_to_one(engine: str) -> None:
    every = states(LENGTH * WIDTH).reshape(-1, LENGTH, WIDTH)
    log_p = log_likelihood(built(engine, SMALL), every, 1).per_datum
    assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=1e-5)


@both
def test_the_density_of_a_step_integrates_to_one(engine: str) -> None:
    settings = {**MIXTURE, "data_dim": 1, "length": 1}
    pair = moved(engine, "recurrent", (np.zeros((2, 1, 1), np.float32),), **settings)
    grid = np.linspace(-40, 40, 40_001, dtype=np.float32)[:, None, None]
    log_p = called(engine, law(pair, (grid,)).log_prob, grid)
    assert np.trapezoid(np.exp(log_p.astype(float)), grid[:, 0, 0]) == pytest.approx(1, abs=1e-3)


@both
@pytest.mark.parametrize("settings", [SMALL, MIXTURE])
def test_no_step_depends_on_itself_or_a_later_one(engine: str, settings: dict[str, Any]) -> None:
    found = law(built(engine, settings), (rows(settings)[:1],))
    slopes = jacobian(engine, found.features, rows(settings)[0])  # (T, H, T, D)
    ranks = np.asarray(found.ranks)[:, 0]
    for t, step in enumerate(slopes):
        assert (step[:, ranks >= ranks[t]] == 0).all()
        assert (step[:, ranks < ranks[t]] != 0).all()


@both
@pytest.mark.parametrize("settings", [SMALL, MIXTURE])
def test_what_is_held_weighs_its_probability(engine: str, settings: dict[str, Any]) -> None:
    x = rows(settings)
    found = law(built(engine, settings), (x, LENGTHS))

    def complete(x: Any, held: Any) -> Any:
        key = () if engine == "pyro" else (jax.random.PRNGKey(0),)
        return found.complete(*key, x, held)

    drawn, weight = called(engine, complete, x, np.ones(x.shape, bool))
    np.testing.assert_array_equal(drawn, x)
    scored = called(engine, found.log_prob, x)
    np.testing.assert_allclose(weight, scored, rtol=1e-4, atol=1e-4)
    half = np.zeros(x.shape, bool)
    half[:, 1:, 0] = True
    drawn, weight = called(engine, complete, x, half)
    np.testing.assert_array_equal(drawn[half], x[half])
    assert (drawn[~half] != x[~half]).any()
    assert np.isfinite(weight).all()


@both
def test_entries_beside_held_ones_follow_their_component(engine: str) -> None:
    """With two far components, one entry says which; 2,000 draws, none of which may differ."""
    settings = {**MIXTURE, "length": 1}
    pair = moved(engine, "recurrent", (np.zeros((2, 1, 2), np.float32),), **settings)
    x = np.zeros((2000, 1, 2), np.float32)
    found = law(pair, (x,))
    bias = np.array([0, 0, -5, -5, 5, 5, -3, -3, -3, -3], np.float32)
    network = found.network
    weight = np.zeros(network.output.layers[0].bias.shape, np.float32)
    assert bias.shape == weight.shape
    frame, key = network.frame, () if engine == "pyro" else (jax.random.PRNGKey(1),)
    x[::2, :, 0], x[1::2, :, 0] = -5, 5
    held = np.broadcast_to(np.array([True, False]), x.shape)

    def draw(output: Any, x: Any, held: Any) -> Any:
        return frame.draw(*key, output, x, held, 1.0)

    drawn, _ = called(
        engine, draw, np.broadcast_to(bias, (*x.shape[:-1], 10)).copy(), x, held.copy()
    )
    assert (np.sign(drawn[..., 1]) == np.sign(x[..., 0])).all()


@both
def test_check_pair_finds_no_leak(engine: str) -> None:
    names = ["no-entry-sees-later-ones", "conditionals-give-the-density"]
    for settings, batch in ((SMALL, (rows(SMALL), LENGTHS)), (MIXTURE, (rows(MIXTURE),))):
        report = check_pair(built(engine, settings), *batch, checks=names)
        assert not report.failed, report
        assert set(names) <= {each.check for each in report.passed}


@both
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "elman"}, "cell must be one of gru, lstm"),
        ({"likelihood": "gaussian"}, "likelihood must be one of bernoulli, mixture"),
        ({"components": 0}, "components must be a whole number of at least 1"),
        ({"likelihood": "mixture", "data_mean": [0.5] * 88}, "likelihood, with data_mean, must be"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("recurrent", engine=engine, **options)
