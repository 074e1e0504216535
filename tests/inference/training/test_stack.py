"""Deep pairs of machines that were trained layer by layer, with exact constants throughout."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpyro
import pyro
import pytest
import torch
from rows import ENGINES
from scipy.special import expit
from small_rbm import states

from inference import fit, log_likelihood, stack, to_classifier, turn_over
from inference.errors import ArgumentError
from ppl_models import create

X = states(5)[[0, 3, 6, 12, 24, 31, 7, 28]].astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def machine(engine: str, x: Any, hidden: int, start: Any = None, **more: Any) -> Any:
    """A machine that has learnt some rows by exact maximum likelihood."""
    told = {"steps": 150, "learning_rate": 0.05, "progress": False, **more}
    made: Any = create(
        "rbm",
        engine=engine,
        data_dim=x.shape[1],
        hidden_dim=hidden,
        normaliser="exact",
        data_mean=np.clip(x.mean(0), 0.05, 0.95),
        seed=1,
    )
    if start is not None:
        made.set_weights({name: value.astype(np.float32) for name, value in start.items()})
    return fit(made, x, objective="elbo", **told)


def energies(run: Any) -> tuple[Any, Any, Any]:
    """W, b and c of a run's machine, not centred."""
    own = {name: np.asarray(value, np.float64) for name, value in run.parameters.items()}
    mean = np.asarray(run.pair.hyperparameters["data_mean"], np.float64)
    weight = own["weight"]
    return (
        weight,
        own["visible_bias"] - weight.sum(1) / 2,
        own["hidden_bias"] - mean @ weight,
    )


@each_engine
def test_codes_are_draws_of_the_hidden_units(engine: str) -> None:
    """4,000 draws of each chance within 5 standard errors, over 24 of them (1.4e-5)."""
    run = machine(engine, X, 3, steps=30)
    weight, _, hidden = energies(run)
    chances = run.encode(X, mean=True)
    np.testing.assert_allclose(chances, expit(X @ weight + hidden), rtol=1e-3, atol=1e-4)
    copies = np.repeat(X, 4000, 0)
    codes = run.encode(copies, seed=3)
    assert set(np.unique(codes)) == {0.0, 1.0}
    found = codes.reshape(len(X), 4000, 3).mean(1)
    assert (abs(found - chances) < 5 * np.sqrt(chances * (1 - chances) / 4000) + 1e-3).all()
    np.testing.assert_array_equal(run.encode(X, seed=3), run.encode(X, seed=3))


@pytest.mark.parametrize("engine", ENGINES[:1])  # the theorem is about the model, not an engine
def test_a_greedy_layer_does_not_lower_the_bound(engine: str) -> None:
    """From the first machine turned over, whose bound is its own exact log-likelihood, upwards.

    The guide is the first machine's posterior, and the upper machine learns by it alone, so that
    the bound rises by what its log-likelihood of the codes does, which is summed here.
    """
    noise = np.random.default_rng(2)
    shapes = {"weight": (5, 4), "visible_bias": (5,), "hidden_bias": (4,)}
    start = {name: noise.normal(size=shape) for name, shape in shapes.items()}
    first = machine(engine, X, 4, start, steps=1, learning_rate=1e-9)  # one that knows nothing of X
    weight, _, hidden = energies(first)
    codes = np.repeat(X, 50, 0)
    codes = first.encode(codes, seed=5)

    def above(steps: int) -> Any:
        made = turn_over(first, hidden_dim=7, data_mean=codes.mean(0))
        told = {"steps": steps, "learning_rate": 0.02 if steps > 1 else 1e-9, "progress": False}
        return fit(made, codes, objective="elbo", **told)

    own = log_likelihood(first, X).mean
    lowest, second = above(1), above(200)
    tied = stack([first, lowest], normaliser="exact")
    same = log_likelihood(tied, X, 1)
    np.testing.assert_allclose(same.mean, own, atol=1e-3)
    gained = log_likelihood(second, codes).mean - log_likelihood(lowest, codes).mean
    deep = stack([first, second], normaliser="exact")
    y = states(4)
    chance = expit(X @ weight + hidden)
    q = np.prod(np.where(y[None] == 1, chance[:, None], 1 - chance[:, None]), -1)
    log_p = [log_likelihood(run, y.astype(np.float32)).per_datum for run in (second, lowest)]
    rise = float((q @ (log_p[0] - log_p[1])).mean())
    assert gained > 0.04
    assert rise == pytest.approx(gained, abs=0.03)  # of draws of the codes, and of all of them
    copies = np.repeat(X, 400, 0)
    bound = log_likelihood(deep, copies, 1)
    error = bound.per_datum.reshape(len(X), 400).std(1, ddof=1).mean() / np.sqrt(len(copies))
    assert abs(bound.mean - own - rise) < 5 * error + 1e-3 < 0.2


@each_engine
def test_a_machine_turned_over_has_the_law_of_the_codes(engine: str) -> None:
    """p(h) of the machine itself, whatever the mean that it is told and the units that are new."""
    first = machine(engine, X, 3, steps=40)
    weight, visible, hidden = energies(first)
    y = states(3)
    log_f = y @ hidden + np.logaddexp(0, y @ weight.T + visible).sum(1)
    others: tuple[dict[str, Any], ...] = (
        {},
        {"hidden_dim": 9, "data_mean": np.array([0.2, 0.5, 0.9])},
    )
    for more in others:
        made = turn_over(first, **more)
        found = log_likelihood(made, y.astype(np.float32)).per_datum
        np.testing.assert_allclose(found, log_f - np.logaddexp.reduce(log_f), atol=2e-3)
    with pytest.raises(ArgumentError, match=r"hidden_dim must be at least 5, .* got 4"):
        turn_over(first, hidden_dim=4)


@each_engine
def test_a_deep_machine_gives_each_half_a_say(engine: str) -> None:
    """The input of h1 is the mean of what the lower and the upper machine say of it."""
    first = machine(engine, X, 4, steps=40)
    second = machine(engine, first.encode(np.repeat(X, 10, 0)), 3, steps=40)
    made = stack([first, second], kind="dbm", sweeps=4)
    law = made.law()
    weight, _, hidden = energies(first)
    above, from_above, _ = energies(second)
    x, g = X[:3], states(3)[[1, 4, 6]]
    both = np.concatenate([x, g], 1).astype(np.float32)
    if engine == "pyro":
        import torch

        found = law.outputs(torch.tensor(both)).detach().numpy()
    else:
        found = np.asarray(law.outputs(both))
    expected = 0.5 * (x @ weight + hidden) + 0.5 * (g @ above.T + from_above)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    run = fit(made, X, objective="cd:chains=10", steps=3, progress=False)
    assert run.latents(X)["h1"].shape == (8, 4)
    assert run.pair.hyperparameters["sweeps"] == 4


@each_engine
def test_what_does_not_fit_is_named(engine: str) -> None:
    first, second = (machine(engine, X, 4, steps=1) for _ in range(2))
    other = "pyro" if engine == "numpyro" else "numpyro"
    real = create("rbm", engine=engine, data_dim=5, hidden_dim=4, visible="gaussian")
    upper = create("rbm", engine=engine, data_dim=4, hidden_dim=3)
    vae = create("vae", engine=engine, data_dim=5, latent_dim=2, hidden=(3,))
    for given, kind, words in (
        ([first, second], "dbn", "machine 2 has data_dim=5, .* hidden_dim=4 units: fit it on run"),
        ([first], "dbn", "a dbn is made of two machines or more, got 1"),
        ([], "dbn", "two runs or more, got none"),
        ([first, upper, upper], "dbm", "a dbm is made of two machines, got 3"),
        ([first, upper], "dnb", "kind must be one of dbn, dbm, got 'dnb'"),
        ([real, upper], "dbn", "machine 1 has visible='gaussian'"),
        ([first, vae], "dbn", "run 2 cannot be stacked"),
        ([first, create("rbm", engine=other, data_dim=4)], "dbn", "runs of one engine"),
        ("runs", "dbn", "a list of runs"),
    ):
        with pytest.raises(ArgumentError, match=words):
            stack(given, kind)
    with pytest.raises(ArgumentError, match="no hyperparameter 'sweep'"):
        stack([first, upper], "dbm", sweep=3)


def features(pair: Any, x: Any) -> Any:
    """What a network computes below its last layer."""
    if pair.engine == "pyro":
        with pyro.poutine.trace() as seen, torch.no_grad():
            pair.model(None, torch.tensor(x))
        made: Any = seen.trace.nodes["features"]["value"]
        return made.numpy()
    seeded = numpyro.handlers.seed(pair.model, 0)
    return np.asarray(numpyro.handlers.trace(seeded).get_trace(None, x)["features"]["value"])


@each_engine
def test_a_classifier_begins_with_the_codes_of_the_stack(engine: str) -> None:
    """Of machines, of one with Gaussian units, and of the net that is made of machines."""
    first = machine(engine, X, 4, steps=40)
    codes = first.encode(X, mean=True)
    second = machine(engine, codes.round(), 3, steps=40)
    made: Any = to_classifier([first, second], classes=3, seed=4)
    assert made.hyperparameters["hidden"] == (4, 3)
    wanted = second.encode(codes, mean=True)
    np.testing.assert_allclose(features(made, X), wanted, atol=2e-6)
    net = to_classifier(stack([first, second], kind="dbn"), classes=3)
    np.testing.assert_allclose(features(net, X), wanted, atol=2e-6)
    told = {"data_dim": 5, "hidden_dim": 4, "visible": "gaussian-variance"}
    real: Any = create("rbm", engine=engine, data_mean=X.mean(0), **told)
    noise, weights = np.random.default_rng(3), real.get_weights()
    moved = {n: v + noise.normal(size=v.shape).astype(np.float32) for n, v in weights.items()}
    real.set_weights(moved)
    run = fit(real, X, objective="cd", steps=1, learning_rate=1e-12, progress=False)
    alone = to_classifier(run, classes=2)
    np.testing.assert_allclose(features(alone, X), run.encode(X, mean=True), atol=2e-5)


@each_engine
def test_labels_go_on_from_there(engine: str) -> None:
    first = machine(engine, X, 4, steps=40)
    labels = np.eye(2, dtype=np.float32)[X.sum(1).astype(int) % 2]
    made = to_classifier(first, classes=2)
    run = fit(made, (labels, X), objective="elbo", steps=400, learning_rate=0.05, progress=False)
    chances = run.sample(len(X), X)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
    assert (chances.argmax(1) == labels.argmax(1)).all()


@each_engine
def test_what_cannot_begin_a_classifier_is_named(engine: str) -> None:
    first, other = machine(engine, X, 4, steps=1), machine(engine, X, 3, steps=1)
    with pytest.raises(ArgumentError, match=r"machine 2 has data_dim=5.* codes of 4 units"):
        to_classifier([first, other], classes=3)
    with pytest.raises(ArgumentError, match=r"run 1 cannot begin a classifier"):
        to_classifier(create("dbm", engine=engine, data_dim=5, hidden_dims=(3, 2)), classes=3)
    with pytest.raises(ArgumentError, match=r"classes"):
        to_classifier(first, classes=0)
    with pytest.raises(ArgumentError, match="none"):
        to_classifier([], classes=2)
