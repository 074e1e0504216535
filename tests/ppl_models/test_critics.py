"""Critics against numpy in float64: scores, minibatch features, singular values."""

from __future__ import annotations

import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from rows import ENGINES

from ppl_models.networks import critics, critics_numpyro

RANDOM = np.random.default_rng(0)
ROWS, COLUMNS = 6, 16
X = RANDOM.normal(size=(ROWS, COLUMNS)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 0, 2])
Z = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
BESIDE: Any = {"classes": 3, "latent_dim": 2}


def mlp(engine: str, **options: Any) -> Any:
    module: Any = critics if engine == "pyro" else critics_numpyro
    return module.MLPCritic(COLUMNS, (7, 5), **options)


def conv(**options: Any) -> Any:
    return critics.ConvCritic((4, 4), 3, hidden=5, **options)


def call(critic: Any, *inputs: np.ndarray, method: str = "__call__") -> np.ndarray:
    """A score or features, in the library of the critic."""
    if isinstance(critic, torch.nn.Module):
        with torch.no_grad():
            run: Any = getattr(critic, method)
            return run(*map(torch.tensor, inputs)).numpy()
    return np.asarray(getattr(critic, method)(*map(jnp.asarray, inputs)))


def layers(critic: Any) -> list[Any]:
    """The layers that a spectral norm is of, in their order."""
    if hasattr(critic, "layers"):
        return [*critic.layers, critic.head]
    return [*critic.found.layers, critic.joint, critic.head]


def weight(layer: Any) -> np.ndarray:
    """The weight that the layer applies, as (fan_in, fan_out); of a convolution its patches."""
    if not hasattr(layer, "kernel"):
        return layer.weight.detach().flatten(1).numpy().T.astype(np.float64)
    if isinstance(layer, critics_numpyro.SpectralLinear):
        return np.asarray(layer.weight(), dtype=np.float64)
    return np.asarray(layer.kernel[...], dtype=np.float64)


def bias(layer: Any) -> np.ndarray:
    value = layer.bias
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value[...])


def leaky(value: np.ndarray) -> np.ndarray:
    return np.where(value > 0, value, 0.2 * value)


@pytest.mark.parametrize("kind", ["pyro", "numpyro", "convolutions"])
def test_scores_in_numpy(kind: str) -> None:
    """With labels, latents and minibatch features; a batch in another order has its scores so."""
    options: Any = {**BESIDE, "minibatch_features": 3}
    critic = conv(**options) if kind == "convolutions" else mlp(kind, **options)
    beside = np.concatenate([np.eye(3)[Y], Z], 1)
    if kind == "convolutions":  # these are the generator's, and checked there
        found = np.concatenate([call(critic.found, X), beside], 1)
        hidden = layers(critic)[2:-1]
    else:
        found, hidden = np.concatenate([X, beside], 1).astype(np.float64), layers(critic)[:-1]
    for layer in hidden:
        found = leaky(found @ weight(layer) + bias(layer))
    vectors = (found @ weight(critic.nearness.kernels)).reshape(ROWS, 3, 5)
    near = np.zeros((ROWS, 3))
    for i in range(ROWS):
        for j in range(ROWS):
            near[i] += np.exp(-np.abs(vectors[i] - vectors[j]).sum(1))
    features = np.concatenate([found, near], 1)
    np.testing.assert_allclose(call(critic, X, Y, Z, method="features"), features, rtol=1e-4)
    scores = call(critic, X, Y, Z)
    head = layers(critic)[-1]
    np.testing.assert_allclose(scores, (features @ weight(head) + bias(head))[:, 0], rtol=1e-4)
    assert scores.shape == (ROWS,)
    order = RANDOM.permutation(ROWS)
    np.testing.assert_allclose(
        call(critic, X[order], Y[order], Z[order]), scores[order], rtol=1e-4, atol=1e-5
    )
    assert np.abs(call(critic, X, (Y + 1) % 3, Z) - scores).max() > 1e-3
    assert np.abs(call(critic, X, Y, Z + 1) - scores).max() > 1e-3
    alike = call(critic, *(np.repeat(a[:1], ROWS, 0) for a in (X, Y, Z)), method="features")
    np.testing.assert_allclose(alike[:, -3:], ROWS, rtol=1e-5)  # as near as can be


@pytest.mark.parametrize("kind", ["pyro", "numpyro", "convolutions"])
def test_largest_singular_value_becomes_one(kind: str) -> None:
    critic = conv(spectral_norm=True) if kind == "convolutions" else mlp(kind, spectral_norm=True)
    # Away from where the power iteration has begun, with one direction that stands out.
    random = np.random.default_rng(1)
    for layer in layers(critic):
        if kind == "numpyro":
            layer.kernel[...] = jnp.asarray(random.normal(3, 1, layer.kernel.shape), jnp.float32)
        else:
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
    if kind != "numpyro":  # torch has its own
        return
    slopes: Any = nnx.grad(lambda critic: critic(jnp.asarray(X)).sum())(critic)
    slope, own = slopes["layers"][0]["kernel"][...], critic.layers[0].kernel[...]
    # The score does not change with the size of a weight, so that its gradient is across it.
    slope, own = np.asarray(slope, dtype=np.float64), np.asarray(own, dtype=np.float64)
    cosine = (slope * own).sum() / np.linalg.norm(slope) / np.linalg.norm(own)
    assert abs(cosine) < 1e-3


@pytest.mark.parametrize("kind", ["pyro", "numpyro", "convolutions"])
def test_a_critic_is_a_function_of_what_it_says_it_was_built_of(kind: str) -> None:
    options: Any = {**BESIDE, "spectral_norm": True, "minibatch_features": 2}
    build = conv if kind == "convolutions" else lambda **options: mlp(kind, **options)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        one = build(**options, seed=3)
        before = torch.get_rng_state()
        other = build(**options, seed=4)
        assert torch.equal(before, torch.get_rng_state())
    said = json.loads(json.dumps(one.hyperparameters))
    assert said["classes"] == 3
    assert said["seed"] == 3
    assert said == one.hyperparameters
    scores = call(one, X, Y, Z)
    np.testing.assert_array_equal(scores, call(type(one)(**said), X, Y, Z))
    assert (scores != call(other, X, Y, Z)).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_refused_says_what_to_do(engine: str) -> None:
    for options, words in (
        ({"classes": -1}, "classes must be a whole number, 0 for none, got -1"),
        ({"latent_dim": 1.5}, "latent_dim must be a whole number"),
        ({"spectral_norm": 1}, "spectral_norm must be True or False"),
        ({"activation": "sine"}, "activation must be one of"),
        ({"seed": -1}, "seed must be"),
    ):
        with pytest.raises(ValueError, match=words):
            mlp(engine, **options)
    module: Any = critics if engine == "pyro" else critics_numpyro
    with pytest.raises(ValueError, match="hidden must have a size"):
        module.MLPCritic(COLUMNS, ())
    both = mlp(engine, **BESIDE)
    with pytest.raises(ValueError, match=r"takes y of shape \(N,\) and z of shape \(N, 2\) bes"):
        call(both, X, Y)
    with pytest.raises(ValueError, match=r"z must have shape \(N, 2\), here \(6, 2\), got \(6, 1"):
        call(both, X, Y, X)
    with pytest.raises(ValueError, match="takes nothing besides x, got 1 arrays"):
        call(mlp(engine), X, Y)


def test_the_engines_compute_the_same() -> None:
    """With torch's weights in flax's place, and the state of the power iteration."""
    options: Any = {**BESIDE, "spectral_norm": True, "minibatch_features": 2}
    ours, theirs = mlp("numpyro", **options), mlp("pyro", **options)
    for mine, other in zip(layers(ours), layers(theirs), strict=True):
        mine.kernel[...] = jnp.asarray(other.parametrizations.weight.original.detach().numpy().T)
        mine.right[...] = jnp.asarray(other.parametrizations.weight[0]._u.numpy())
    kernels = theirs.nearness.kernels.weight.detach().numpy().T
    ours.nearness.kernels.kernel[...] = jnp.asarray(kernels)
    for _ in range(2):
        np.testing.assert_allclose(call(ours, X, Y, Z), call(theirs, X, Y, Z), rtol=1e-3, atol=1e-4)
