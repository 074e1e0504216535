"""What an objective is given that it runs: a critic, features, noise. Misfits are sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from flax import nnx
from rows import ENGINES

from inference import MMD, NCE, Adversarial, ZooError, fit
from ppl_models import create

X = (np.random.default_rng(0).random((12, 6)) < 0.5).astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def network(engine: str, answer: Any) -> Any:
    """A linear layer of the engine's, whose scores (12, 1) become an answer."""

    class OnTorch(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(6, 1)

        def forward(self, x: Any) -> Any:
            return answer(self.layer(x))

    class OnFlax(nnx.Module):
        def __init__(self) -> None:
            self.layer = nnx.Linear(6, 1, rngs=nnx.Rngs(0))

        def __call__(self, x: Any) -> Any:
            return answer(self.layer(x))

    return OnTorch() if engine == "pyro" else OnFlax()


def raising(scores: Any) -> Any:
    raise KeyError("of the network's own")


MISFITS: dict[str, tuple[Any, str]] = {
    "nothing": (lambda scores: None, "must give real numbers of shape (12, ...)"),
    "two arrays": (lambda scores: (scores, scores), "got tuple"),
    "fewer rows": (lambda scores: scores[:2], "got float32 of shape (2, 1)"),
    "one number": (lambda scores: scores.sum(), "got float32 of shape ()"),
    "truth values": (lambda scores: scores > 0, "got bool of shape (12, 1)"),
    "another size": (lambda scores: scores @ scores[:3], "fails on inputs of shape (12, 6)"),
    "an error": (raising, "KeyError: 'of the network's own'"),
}


@each_engine
@pytest.mark.parametrize("misfit", MISFITS)
def test_a_network_that_does_not_fit_is_named(engine: str, misfit: str) -> None:
    answer, words = MISFITS[misfit]
    pair = create("mlp_generator", engine=engine, data_dim=6, latent_dim=2, hidden=[4])
    for name, make in (("critic", Adversarial), ("features", MMD)):
        objective = make(**{name: network(engine, answer)})
        with pytest.raises(ZooError) as caught:
            fit(pair, X, objective=objective, steps=1, progress=False)
        assert f"the {name}" in str(caught.value)
        assert words.replace("'", "") in str(caught.value).replace("'", "").replace('"', "")


@each_engine
def test_a_critic_whose_features_are_compared_has_them(engine: str) -> None:
    with pytest.raises(ZooError, match=r"method features\(x\)"):
        Adversarial(network(engine, lambda scores: scores), "feature-matching")


def test_arrays_and_tables_are_no_critic() -> None:
    for value in (X, X.astype(bool), np.zeros(3, [("a", float)])):
        with pytest.raises(ZooError, match="critic must be 'mlp' or a network"):
            Adversarial(value)


def noise(engine: str, kind: str) -> Any:
    other: Any = {"pyro": "numpyro", "numpyro": "pyro"}[engine]
    if kind == "another library":
        return create("nade", engine=other, data_dim=6, hidden_dim=2)
    if kind == "other columns":
        return create("nade", engine=engine, data_dim=5, hidden_dim=2)
    if kind == "real numbers":
        return create("flow", engine=engine, data_dim=6, hidden=[3])
    if kind == "a constant that nobody knows":
        return create("rbm", engine=engine, data_dim=6, hidden_dim=2)
    return create("vae", engine=engine, data_dim=6, latent_dim=2, hidden=[4])


@each_engine
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("another library", "noise is a pair on "),
        ("other columns", "noise must be of the data's shape"),
        ("real numbers", "noise is of real numbers"),
        ("a constant that nobody knows", "density integrates to one"),
        ("latents", "noise must come from a pair whose only site is that of the data"),
    ],
)
def test_noise_that_tells_nothing_is_refused(engine: str, kind: str, words: str) -> None:
    pair = create("rbm", engine=engine, data_dim=6, hidden_dim=3)
    with pytest.raises(ZooError, match=words):
        fit(pair, X, objective=NCE(noise=noise(engine, kind)), steps=1, progress=False)


@each_engine
def test_noise_that_cannot_be_at_the_data_is_said_to_be_the_trouble(engine: str) -> None:
    """A flow of the interval from -0.05 to 1.05, and data that leave it or do not."""
    settings: Any = {"engine": engine, "data_dim": 6, "hidden": [3]}
    law = create("flow", **settings, length=1, preprocess="logit")
    pair, objective = create("energy_network", **settings), NCE(2, noise=law)
    inside = np.clip(X, 0.1, 0.9)
    assert fit(pair, inside, objective=objective, steps=1, progress=False).step == 1
    with pytest.raises(ZooError, match="the noise has no density at some rows of the data"):
        fit(pair, 3 * inside, objective=objective, steps=1, progress=False)


def test_noise_is_an_instance() -> None:
    for value in (type(noise("pyro", "latents")), 3, None, X):
        with pytest.raises(ZooError, match="noise must be 'marginals' or a fitted pair"):
            NCE(noise=value)


@each_engine
def test_a_fitted_pair_is_noise(engine: str) -> None:
    made = create("nade", engine=engine, data_dim=6, hidden_dim=2)
    law = fit(made, X, steps=1, progress=False).pair
    pair = create("rbm", engine=engine, data_dim=6, hidden_dim=3)
    run = fit(pair, X, objective=NCE(2, noise=law), steps=2, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])
    assert not any("nade" in name.lower() for name in run.parameters)
