"""The critic of dense layers under noise: scores in numpy, norms, the law of its noise, runs."""

from __future__ import annotations

import importlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference import Adversarial, SemiSupervisedAdversarial, classify, fit, load_run
from ppl_models import create

RANDOM = np.random.default_rng(0)
ROWS = 6
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 0, 2])
Z = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
BESIDE: Any = {"classes": 3, "latent_dim": 2}


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def build(engine: str, *sizes: Any, **options: Any) -> Any:
    suffix = "_numpyro" if engine == "numpyro" else ""
    kind = importlib.import_module(f"ppl_models.networks.dense_critic{suffix}").DenseCritic
    return kind(**dict(zip(("data_dim", "hidden"), sizes or (4, (5, 3)), strict=True)) | options)


def call(network: Any, *inputs: np.ndarray) -> np.ndarray:
    """What a network or a method of it gives for arrays."""
    if "flax" in str(type(getattr(network, "__self__", network)).__mro__):
        return np.asarray(network(*inputs))
    import torch

    with torch.no_grad():
        return network(*map(torch.tensor, inputs)).numpy()


def set_weights(critic: Any, layers: list[dict[str, np.ndarray]]) -> Any:
    """Put in weights as (fan_in, fan_out), scales and biases."""
    for layer, values in zip(critic.layers, layers, strict=True):
        for name, value in values.items():
            if hasattr(layer, "kernel"):
                getattr(layer, "kernel" if name == "weight" else name)[...] = value
            else:
                import torch

                moved = torch.tensor(value.T.copy(), dtype=torch.float32)
                getattr(layer, name).data.copy_(moved)
    return critic


def weights(*sizes: int, norm: bool) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(1)
    layers = [
        {"weight": random.normal(size=(rows, columns)), "bias": random.normal(size=columns)}
        for rows, columns in itertools.pairwise(sizes)
    ]
    if norm:
        layers[-1]["scale"] = random.normal(size=sizes[-1])
    return layers


@pytest.mark.parametrize("norm", [True, False])
def test_scores_in_numpy(engine: str, *, norm: bool) -> None:
    """With labels and latents beside x, in evaluation mode; the same twice."""
    layers = weights(9, 5, 3, 2, norm=norm)
    critic = build(engine, outputs=2, activation="leaky-relu", weight_norm=norm, **BESIDE)
    set_weights(critic, layers).eval()
    found = np.concatenate([X, np.eye(3)[Y], Z], 1).astype(np.float64)
    features = found
    for place, layer in enumerate(layers):
        matrix = layer["weight"]
        if norm:
            matrix = layer.get("scale", 1) * matrix / np.sqrt((matrix**2).sum(0))
        found = found @ matrix + layer["bias"]
        if place < 2:
            features = found = np.where(found > 0, found, 0.2 * found)
    np.testing.assert_allclose(call(critic, X, Y, Z), found, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(call(critic.features, X, Y, Z), features, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(call(critic, X, Y, Z), call(critic, X, Y, Z))
    with pytest.raises(ValueError, match=r"takes y of shape \(N,\) and z of shape \(N, 2\) bes"):
        call(critic, X, Y)


def test_hidden_units_have_weights_of_norm_one(engine: str) -> None:
    """What a layer makes of the unit vectors is its weights and biases, whatever was trained."""
    critic = build(engine)
    new = [
        call(layer, np.eye(n, dtype=np.float32))
        for layer, n in zip(critic.layers, (4, 5, 3), strict=True)
    ]
    for found in new:
        np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, rtol=1e-5)
    layers = weights(4, 5, 3, 1, norm=True)
    set_weights(critic, layers)
    for layer, values in zip(critic.layers, layers, strict=True):
        rows = np.eye(len(values["weight"]), dtype=np.float32)
        length = np.linalg.norm(call(layer, rows) - values["bias"], axis=0)
        np.testing.assert_allclose(length, abs(values.get("scale", 1)), rtol=1e-4)


@pytest.mark.parametrize("place", ["input_noise", "noise"])
def test_noise_has_its_standard_deviation_in_training_alone(engine: str, place: str) -> None:
    """Through a last layer of norm 1 it is that of the score: 20,000 rows, within 5 errors."""
    hidden = () if place == "input_noise" else (3,)
    noises = {"input_noise": 0.0, "noise": 0.0, place: 0.4}
    critic, x = build(engine, 4, hidden, **noises), np.tile(X[:1], (20_000, 1))
    one, other = call(critic, x), call(critic, x)
    assert (one != other).mean() > 0.99
    critic.eval()
    held = call(critic, x)
    np.testing.assert_array_equal(held, held[0])
    assert abs((one - held[0]).mean()) < 5 * 0.4 / 20_000**0.5
    assert abs((one - held[0]).std() - 0.4) < 5 * 0.4 / 40_000**0.5
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / 20_000**0.5


@pytest.mark.parametrize("given", [True, False])
def test_a_run_against_it_is_under_noise_and_resumed(
    engine: str, tmp_path: Path, *, given: bool
) -> None:
    """Other noise is another run; the trained critic is asked without any."""
    pair = create("mlp_generator", engine=engine, data_dim=4, latent_dim=2, hidden=(4,))
    data = (np.random.default_rng(3).random((30, 4)) > 0.5).astype(np.float32)
    classes = np.arange(30) % 3

    def run(steps: int, noise: float = 0.5, **more: Any) -> Any:
        critic = build(engine, outputs=3 if given else 1, noise=noise)
        kind = SemiSupervisedAdversarial(3, critic) if given else Adversarial(critic)
        rows: Any = (data, classes) if given else data
        return fit(pair, rows, objective=kind, steps=steps, batch_size=10, progress=False, **more)

    whole, quiet = run(4), run(4, 0.0)
    run(2, out=tmp_path / "run")
    resumed = run(4, out=tmp_path / "run", resume=True)
    for name, value in whole.owned.items():
        np.testing.assert_array_equal(value, resumed.owned[name], err_msg=name)
    assert any((value != quiet.owned[name]).any() for name, value in whole.owned.items())
    np.testing.assert_array_equal(whole.critic(data), whole.critic(data))
    np.testing.assert_allclose(whole.critic(data[:1]), whole.critic(data)[:1], rtol=1e-5)
    if given:
        np.testing.assert_array_equal(classify(whole, data), classify(resumed, data))
    else:
        critic = build(engine)
        again = load_run(tmp_path / "run", objective=Adversarial(critic))
        np.testing.assert_array_equal(again.critic(data), whole.critic(data))


def test_it_is_a_function_of_what_it_says_it_was_built_of(engine: str) -> None:
    critic = build(engine, **BESIDE, seed=3, noise=0.1, activation="tanh")
    said = json.loads(json.dumps(critic.hyperparameters))
    plain = {"data_dim": 4, "hidden": [5, 3], "outputs": 1, "activation": "tanh", "seed": 3}
    assert said == {**plain, **BESIDE, "weight_norm": True, "input_noise": 0.3, "noise": 0.1}
    other = build(engine, **said)
    critic.eval()
    other.eval()
    scores = call(critic, X, Y, Z)
    np.testing.assert_array_equal(scores, call(other, X, Y, Z))
    assert scores.shape == (ROWS,)
    unlike = build(engine, **BESIDE, seed=4, activation="tanh")
    unlike.eval()
    assert (scores != call(unlike, X, Y, Z)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data_dim": 0}, "data_dim must be a whole number of at least 1"),
        ({"hidden": 5}, "hidden must be a sequence of sizes"),
        ({"outputs": 0}, "outputs must be a whole number of at least 1"),
        ({"activation": "step"}, "activation must be one of"),
        ({"weight_norm": 1}, "weight_norm must be True or False"),
        ({"input_noise": -0.1}, "input_noise must be finite and not negative"),
        ({"noise": float("nan")}, "noise must be finite and not negative"),
        ({"classes": -1}, "classes must be a whole number, 0 for none"),
        ({"latent_dim": 1.5}, "latent_dim must be a whole number"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_what_it_cannot_be_built_of_is_refused(engine: str, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(engine, **{"data_dim": 4, "hidden": (5,), **options})
