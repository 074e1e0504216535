"""The critic of convolutions against numpy in float64: scores, features, singular values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppl_models.networks.critics import ConvCritic

RANDOM = np.random.default_rng(0)
ROWS = 6
X = RANDOM.normal(size=(ROWS, 16)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 0, 2])
Z = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
BESIDE: Any = {"classes": 3, "latent_dim": 2}


def build(**options: Any) -> ConvCritic:
    return ConvCritic((4, 4), 3, hidden=5, **options)


def call(network: Any, *inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(*map(torch.tensor, inputs)).numpy()


def layers(critic: ConvCritic) -> list[Any]:
    """The layers that a spectral norm is of, in their order."""
    return [*critic.found.layers, critic.joint, critic.head]


def weight(layer: Any) -> np.ndarray:
    """The weight that the layer applies, as (fan_in, fan_out); of a convolution its patches."""
    return layer.weight.detach().flatten(1).numpy().T.astype(np.float64)


def through(layer: Any, value: np.ndarray) -> np.ndarray:
    return value @ weight(layer) + layer.bias.detach().numpy()


def leaky(value: np.ndarray) -> np.ndarray:
    return np.where(value > 0, value, 0.2 * value)


def convolved(layer: Any, images: np.ndarray) -> np.ndarray:
    """A convolution 4x4 with stride 2 of (N, C, H, W), padded by one, patch by patch."""
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = (size // 2 for size in images.shape[2:])
    patches = [
        through(layer, padded[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4].reshape(len(images), -1))
        for i in range(height)
        for j in range(width)
    ]
    return leaky(np.stack(patches, -1).reshape(len(images), -1, height, width))


def test_scores_in_numpy() -> None:
    """With labels, latents and minibatch features; a batch in another order has its scores so."""
    critic = build(**BESIDE, minibatch_features=3)
    with torch.no_grad():  # biases that are not zero, and weights that leave no part negligible
        for index, layer in enumerate(layers(critic)):
            torch.nn.init.normal_(layer.bias, generator=torch.Generator().manual_seed(index))
            layer.weight *= 1 if layer is critic.head else 10
    first, second, joint, head = layers(critic)
    images = convolved(second, convolved(first, X.reshape(ROWS, 1, 4, 4)))
    found = np.concatenate([images.reshape(ROWS, -1), np.eye(3)[Y], Z], 1)
    found = leaky(through(joint, found))
    assert critic.nearness is not None
    vectors = (found @ weight(critic.nearness.kernels)).reshape(ROWS, 3, 5)
    near = np.zeros((ROWS, 3))
    for i in range(ROWS):
        for j in range(ROWS):
            near[i] += np.exp(-np.abs(vectors[i] - vectors[j]).sum(1))
    features = np.concatenate([found, near], 1)
    np.testing.assert_allclose(call(critic.features, X, Y, Z), features, rtol=1e-4, atol=1e-6)
    scores = call(critic, X, Y, Z)
    np.testing.assert_allclose(scores, through(head, features)[:, 0], rtol=1e-4, atol=1e-6)
    assert scores.shape == (ROWS,)
    order = RANDOM.permutation(ROWS)
    moved = call(critic, X[order], Y[order], Z[order])
    np.testing.assert_allclose(moved, scores[order], rtol=1e-4, atol=1e-5)
    assert np.abs(call(critic, X, (Y + 1) % 3, Z) - scores).max() > 1e-3
    assert np.abs(call(critic, X, Y, Z + 1) - scores).max() > 1e-3
    alike = call(critic.features, *(np.repeat(part[:1], ROWS, 0) for part in (X, Y, Z)))
    np.testing.assert_allclose(alike[:, -3:], ROWS, rtol=1e-5)  # as near as can be


def test_largest_singular_value_becomes_one() -> None:
    critic = build(spectral_norm=True)
    # Away from where the power iteration has begun, with one direction that stands out.
    random = np.random.default_rng(1)
    for layer in layers(critic):
        with torch.no_grad():
            moved = torch.tensor(random.normal(3, 1, layer.weight.shape), dtype=torch.float32)
            layer.parametrizations.weight.original.copy_(moved)
    critic.eval()
    largest = [np.linalg.norm(weight(layer), 2) for layer in layers(critic)]
    assert max(largest) > 1.01
    np.testing.assert_array_equal(call(critic, X), call(critic, X))
    again = [np.linalg.norm(weight(layer), 2) for layer in layers(critic)]
    np.testing.assert_array_equal(largest, again)  # nothing moves in evaluation mode
    critic.train()
    for _ in range(10):
        call(critic, X)
    for layer in layers(critic):
        assert np.linalg.norm(weight(layer), 2) == pytest.approx(1, abs=1e-3)


def twins(**options: Any) -> tuple[ConvCritic, Any]:
    """A critic of each engine, with the same weights, away from their start."""
    from ppl_models.networks.critics_numpyro import ConvCritic as Other

    one, other = build(**options), Other((4, 4), 3, hidden=5, **options)
    random = np.random.default_rng(2)
    for name, value in one.named_parameters():
        moved = (0.5 * random.normal(size=value.shape)).astype(np.float32)
        with torch.no_grad():
            value.copy_(torch.tensor(moved))
        holder: Any = other
        *path, last = name.replace(".parametrizations.weight.original", ".layer.weight").split(".")
        for part in path:
            holder = holder[int(part)] if part.isdecimal() else getattr(holder, part)
        if type(holder).__name__ == "SpectralNorm":
            holder = holder.layer
        if last == "weight" and hasattr(holder, "kernel"):
            last, moved = "kernel", moved.T
        getattr(holder, last)[...] = moved
    return one, other


@pytest.mark.parametrize(
    "options", [{}, {**BESIDE, "minibatch_features": 3}, {**BESIDE, "normalise": "virtual"}]
)
def test_engines_agree_once_they_have_the_same_weights(options: Any) -> None:
    one, other = twins(**options)
    inputs = (X, Y, Z) if options.get("classes") else (X,)
    np.testing.assert_allclose(other(*inputs), call(one, *inputs), rtol=1e-4, atol=1e-5)
    # Others in training mode, then in evaluation mode: the first rows are what is referred to.
    turned = tuple(part[::-1].copy() for part in inputs)
    np.testing.assert_allclose(other(*turned), call(one, *turned), rtol=1e-4, atol=1e-5)
    one.eval()
    other.eval()
    np.testing.assert_allclose(other(*turned), call(one, *turned), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        other.features(*inputs), call(one.features, *inputs), rtol=1e-4, atol=1e-5
    )
    assert {**one.hyperparameters} == {**other.hyperparameters}


def test_virtual_batch_normalisation_refers_to_the_first_rows() -> None:
    """In numpy; and the score of a row does not depend on the others of its batch."""
    critic, _ = twins(normalise="virtual")
    whole, again = call(critic, X), call(critic, X[:2])
    np.testing.assert_allclose(whole[:2], again, rtol=1e-4, atol=1e-6)
    reference = np.tile(X, (11, 1))[:64]
    np.testing.assert_array_equal(np.asarray(critic.reference), reference)
    first, second, joint, head = layers(critic)

    def seen(x: np.ndarray) -> np.ndarray:
        half = convolved(first, x.reshape(-1, 1, 4, 4))
        padded = np.pad(half, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return through(second, padded.reshape(len(x), -1))  # one window: (N, 2 channels)

    # Of one pixel each: 64 references and the row itself.
    own, others = seen(X), seen(reference)
    mean = (64 * others.mean(0) + own) / 65
    square = (64 * (others**2).mean(0) + own**2) / 65
    scale, bias = (v.detach().numpy() for v in (critic.norm.scale, critic.norm.bias))
    found = leaky(scale * (own - mean) / np.sqrt(square - mean**2 + 1e-5) + bias)
    scores = through(head, leaky(through(joint, found)))[:, 0]
    np.testing.assert_allclose(whole, scores, rtol=1e-3, atol=1e-4)


def test_spectral_norm_of_both_engines_comes_to_the_same() -> None:
    one, other = twins(spectral_norm=True)
    for _ in range(60):
        call(one, X)
        other(X)
    np.testing.assert_allclose(other(X), call(one, X), rtol=1e-3, atol=1e-5)
    other.eval()
    np.testing.assert_array_equal(other(X), other(X))


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_run_against_it_is_resumed_with_the_rows_that_it_refers_to(
    engine: str, tmp_path: Path
) -> None:
    import importlib

    from inference import Adversarial, fit, load_run
    from ppl_models import create

    suffix = "_numpyro" if engine == "numpyro" else ""
    kind = importlib.import_module(f"ppl_models.networks.critics{suffix}").ConvCritic
    pair = create(
        "mlp_generator", engine=engine, data_dim=16, latent_dim=2, hidden=(4,),
        likelihood="gaussian",
    )  # fmt: skip
    data = np.random.default_rng(3).random((30, 16)).astype(np.float32)

    def against() -> Any:
        return Adversarial(kind((4, 4), 3, hidden=5, normalise="virtual"))

    def run(steps: int, **more: Any) -> Any:
        return fit(
            pair, data, objective=against(), steps=steps, batch_size=10,
            progress=False, **more,
        )  # fmt: skip

    whole = run(6)
    run(3, out=tmp_path / "run")
    resumed = run(6, out=tmp_path / "run", resume=True)
    for name, value in whole.owned.items():
        np.testing.assert_array_equal(value, resumed.owned[name], err_msg=name)
    (reference,) = (v for n, v in whole.owned.items() if "reference" in n)
    assert reference.shape == (64, 16)
    rows = {row.tobytes() for row in data}
    assert len({row.tobytes() for row in reference} & rows) == 10  # a minibatch
    scores = load_run(tmp_path / "run", objective=against()).critic(data)
    np.testing.assert_array_equal(scores, whole.critic(data))
    np.testing.assert_allclose(scores[:1], whole.critic(data[:1]), rtol=1e-4)


def test_a_critic_is_a_function_of_what_it_says_it_was_built_of() -> None:
    options: Any = {**BESIDE, "spectral_norm": True, "minibatch_features": 2}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one, other = build(**options, seed=3), build(**options, seed=4)
        assert torch.equal(before, torch.get_rng_state())
    said = json.loads(json.dumps(one.hyperparameters))
    plain = {"image_shape": [4, 4], "channels": 3, "hidden": 5, "normalise": "none", "seed": 3}
    assert said == {**plain, **options}
    assert said == one.hyperparameters
    scores = call(one, X, Y, Z)
    np.testing.assert_array_equal(scores, call(ConvCritic(**said), X, Y, Z))
    assert (scores != call(other, X, Y, Z)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": -1}, "classes must be a whole number, 0 for none, got -1"),
        ({"latent_dim": 1.5}, "latent_dim must be a whole number"),
        ({"spectral_norm": 1}, "spectral_norm must be True or False"),
        ({"normalise": "batch"}, "normalise must be one of none, virtual"),
        ({"minibatch_features": -1}, "minibatch_features must be a whole number"),
        ({"hidden": 0}, "hidden must be"),
        ({"channels": 0}, "channels must be"),
        ({"image_shape": (4, 6)}, "image_shape must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_what_it_cannot_be_built_of_is_refused(options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ConvCritic(**{"image_shape": (4, 4), **options})


def test_other_arrays_beside_x_are_refused() -> None:
    both = build(**BESIDE)
    with pytest.raises(ValueError, match=r"takes y of shape \(N,\) and z of shape \(N, 2\) bes"):
        call(both, X, Y)
    with pytest.raises(ValueError, match=r"y must have shape \(N,\), here \(6,\), got \(6, 1\)"):
        call(both, X, Y[:, None], Z)
    with pytest.raises(ValueError, match=r"z must have shape \(N, 2\), here \(6, 2\), got \(6, 1"):
        call(both, X, Y, X)
    with pytest.raises(ValueError, match="takes nothing besides x, got 1 arrays"):
        call(build(), X, Y)
