"""Figures of undirected models: what is in the picture, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_rbm as small
from rows import ENGINES

from inference import figures, fit, log_partition, simulation_based_calibration
from inference.errors import ArgumentError, ObjectiveError, PairError
from ppl_models import create
from ppl_models.datasets import load

X = (np.random.default_rng(0).random((30, 9)) < 0.4).astype(np.float32)
MEAN = np.linspace(0.2, 0.8, 8)  # of small machines' data
each_engine = pytest.mark.parametrize("engine", ENGINES)


def run(engine: str, model: str = "rbm", **more: Any) -> Any:
    told = {"hidden_dim": 5, "centred": False} if model == "rbm" else {"hidden_dims": (4, 3)}
    pair = create(model, engine=engine, data_dim=9, burn_in=10, seed=1, **told, **more)
    return fit(pair, X, objective="cd", steps=4, progress=False)


def picture(figure: Any) -> Any:
    return np.asarray(figure.axes[0].images[0].get_array())


@each_engine
def test_filters_are_the_weights_of_each_unit(engine: str) -> None:
    found = run(engine)
    weight = found.parameters["weight"]  # (9, 5)
    order = np.argsort(-np.linalg.norm(weight, axis=0), kind="stable")
    shown = picture(figures.filters(found, count=2))
    for place, unit in enumerate(order[:2]):
        own = weight[:, unit] / abs(weight[:, unit]).max()
        tile = shown[:3, 4 * place : 4 * place + 3]
        np.testing.assert_allclose(tile, 0.5 + 0.5 * own.reshape(3, 3), atol=1e-5)
    deep = run(engine, "dbn")
    assert picture(figures.filters(deep, "decoder.0.weight")).shape == (3, 15)
    with pytest.raises(ArgumentError, match="no parameter 'bias'; it has hidden_bias"):
        figures.filters(found, "bias")
    with pytest.raises(ArgumentError, match="a row or a column for each of 9 entries"):
        figures.filters(found, "hidden_bias")


@each_engine
@pytest.mark.parametrize("model", ["rbm", "dbn", "dbm"])
def test_chains_are_shown_from_a_draw_on(engine: str, model: str) -> None:
    found = run(engine, model)
    shown = picture(figures.chains(found, rows=2, steps=(0, 1, 5)))
    assert shown.shape == (2 * 4 - 1, 3 * 4 - 1)
    again = picture(figures.chains(found, rows=2, steps=(0, 1, 5)))
    np.testing.assert_array_equal(shown, again)
    if model == "rbm":
        assert set(np.unique(shown[:3, :3])) <= {0.0, 1.0}
    with pytest.raises(ArgumentError, match="steps must be whole numbers that rise"):
        figures.chains(found, steps=(5, 1))


@each_engine
def test_free_energies_need_no_constant(engine: str) -> None:
    found = run(engine)
    own = {name: np.asarray(value, np.float64) for name, value in found.parameters.items()}

    def energy(x: Any) -> Any:
        inputs = x @ own["weight"] + own["hidden_bias"]
        return -(x @ own["visible_bias"]) - np.logaddexp(0, inputs).sum(1)

    axes = figures.free_energies(found, X[:20], X[20:]).axes[0]
    apart = energy(X[20:]).mean() - energy(X[:20]).mean()
    assert axes.get_title() == f"valid less train: {apart:.2f} nats"
    with pytest.raises(ArgumentError, match="the kernel is at the latent 'h1'"):
        figures.free_energies(run(engine, "dbn"), X, X)
    vae = create("vae", engine=engine, data_dim=9, latent_dim=2, hidden=(3,))
    with pytest.raises(ObjectiveError, match="has none"):
        figures.chains(fit(vae, X, steps=1, progress=False))


@each_engine
def test_temperature_curves_are_slopes_of_the_log_constant(engine: str) -> None:
    """Against sums over all states: at each of 4 temperatures, and their integral.

    Means of 1,000 chains within 6 standard errors of independent ones (2e-8 in all 8 cases), and
    .05 more for chains that lag behind their law.
    """
    values = {n: v.astype(np.float32) for n, v in small.parameters(seed=2).items()}
    pair: Any = create("rbm", engine=engine, data_mean=MEAN, **small.SETTINGS)
    pair.set_weights(values)
    v, h = small.STATES, small.states(5)
    odds = np.log(MEAN) - np.log1p(-MEAN)

    def energies(beta: float) -> tuple[Any, Any]:
        """The joint log factor of all states, and its slope over beta."""
        own = v @ values["weight"] @ h.T + h @ values["hidden_bias"]
        own = own + (v @ values["visible_bias"])[:, None]
        cold = np.repeat((v @ odds)[:, None], len(h), 1)
        return beta * own + (1 - beta) * cold, own - cold

    axes = figures.temperatures(pair, num_chains=1000, num_temperatures=200).axes
    for line, band in zip(axes[0].get_lines(), axes[0].collections, strict=True):
        betas, slopes = (np.asarray(each, float) for each in line.get_data())
        upper = np.asarray(band.get_paths()[0].vertices)[:, 1].max()
        assert upper > slopes.max()
        for place in (5, 60, 130, 195):
            log_f, slope = energies(betas[place])
            law = np.exp(log_f - np.logaddexp.reduce(log_f, None))
            mean = (law * slope).sum()
            error = np.sqrt((law * (slope - mean) ** 2).sum() / 1000)
            assert abs(slopes[place] - mean) < 6 * error + 0.05
        ratio = np.logaddexp.reduce(energies(1.0)[0], None)
        ratio -= np.logaddexp.reduce(energies(0.0)[0], None)
        assert abs(slopes.mean() - ratio) < 0.06
    with pytest.raises(ObjectiveError, match="has a kernel"):
        figures.temperatures(fit(create("ppca", engine=engine, data_dim=9), X, steps=1))
    with pytest.raises(ArgumentError, match="base must"):
        figures.temperatures(pair, base="nowhere")
    with pytest.raises(ArgumentError, match="num_temperatures"):
        figures.temperatures(pair, num_temperatures=0)


@each_engine
def test_a_model_that_takes_more_than_x_is_refused_in_a_sentence(engine: str) -> None:
    """Its law cannot be asked without what it takes besides."""
    pair = create("random_effects", engine=engine)
    data = load("eight_schools")
    found = fit(pair, data, steps=1, progress=False)
    rows = data.arrays("test")
    for ask in (
        lambda: figures.chains(found),
        lambda: figures.temperatures(found),
        lambda: figures.free_energies(found, rows, rows),
        lambda: log_partition(found),
        lambda: simulation_based_calibration(found),
    ):
        with pytest.raises(
            PairError, match=r"fails without data at .*takes standard errors.*`given`"
        ):
            ask()


def test_no_latent_no_manifold_and_no_path() -> None:
    found = run("pyro")
    with pytest.raises(ArgumentError, match="does not say that it has one"):
        figures.latent_manifold(found)
    with pytest.raises(ArgumentError, match="Where it has none, nothing lies between"):
        figures.interpolations(found)
