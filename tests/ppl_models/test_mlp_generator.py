"""Decoder, batch normalisation and noise against numpy in float64; modes, classes, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import jax
import numpy as np
import pytest
import torch
from numpyro.contrib.module import nnx_module
from numpyro.handlers import substitute, trace
from rows import ENGINES
from scipy.integrate import quad
from scipy.stats import norm

from inference import fit, load_run, log_likelihood
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from ppl_models import create
from ppl_models.networks.latent_variables import latents, latents_numpyro

RANDOM = np.random.default_rng(0)
X = (RANDOM.random((24, 6)) < 0.4).astype(np.float32)
Y = RANDOM.integers(0, 3, 24)
SMALL: Any = {"data_dim": 6, "latent_dim": 2, "hidden": (5, 4)}
NORMED: Any = {**SMALL, "hidden": (5,), "normalise": "batch", "classes": 3}


def averages(pair: Any) -> dict[str, np.ndarray]:
    """Running averages of a fitted pair's decoder: mean and variance of each hidden layer."""
    if pair.engine == "pyro":
        buffers = dict(pair.wrapped.decoder.named_buffers())
        return {name: value.numpy().astype(np.float64) for name, value in buffers.items()}
    layers = pair.values["decoder$state"]["state"]["norms"]
    return {
        f"norms.{layer}.{name}": np.asarray(value, dtype=np.float64)
        for layer, values in layers.items()
        for name, value in values.items()
    }


def decoded(
    values: dict[str, np.ndarray], inputs: np.ndarray, running: dict[str, np.ndarray] | None
) -> np.ndarray:
    """The decoder's output in float64; by the batch's own moments without running averages."""
    h, layer = inputs.astype(np.float64), 0
    weights = {name: value.astype(np.float64) for name, value in values.items()}

    def linear(h: np.ndarray, layer: int) -> np.ndarray:
        kernel = weights.get(f"decoder.layers.{layer}.kernel")
        if kernel is None:
            kernel = weights[f"decoder.layers.{layer}.weight"].T
        return h @ kernel + weights.get(f"decoder.layers.{layer}.bias", 0)

    while f"decoder.norms.{layer}.scale" in weights:
        h = linear(h, layer)
        mean, var = h.mean(0), ((h - h.mean(0)) ** 2).mean(0)
        if running is not None:
            mean, var = running[f"norms.{layer}.mean"], running[f"norms.{layer}.var"]
        h = (h - mean) / np.sqrt(var + 1e-5)
        name = f"decoder.norms.{layer}."
        h = np.maximum(h * weights[name + "scale"] + weights[name + "bias"], 0)
        layer += 1
    return 1 / (1 + np.exp(-linear(h, layer)))


def first_layer(values: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    kernel = values.get("decoder.layers.0.kernel")
    return inputs @ (values["decoder.layers.0.weight"].T if kernel is None else kernel)


def in_training_mode(pair: Any, inputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The decoder's mean of x in training mode, and the averages that it leaves."""
    if pair.engine == "pyro":
        with torch.no_grad():
            output = pair.wrapped.decoder(torch.tensor(inputs, dtype=torch.float32))
        return output.sigmoid().numpy(), averages(pair)

    def program() -> Any:
        return nnx_module("decoder", pair.wrapped.decoder)(inputs.astype(np.float32))

    with trace() as sites:
        output: Any = substitute(program, data=pair.values)()
    moved = averages(StoredPair(pair.wrapped, {"decoder$state": sites["decoder$state"]["value"]}))
    return np.asarray(jax.nn.sigmoid(output)), moved


@pytest.mark.parametrize("engine", ENGINES)
def test_batch_normalisation_trained_resumed_and_evaluated(engine: str, tmp_path: Path) -> None:
    keywords: Any = {"batch_size": 4, "learning_rate": 0.1, "progress": False, "seed": 3}
    pair, backend = create("mlp_generator", engine=engine, **NORMED), load_engine(engine)
    whole = fit(pair, (X, Y), steps=12, **keywords)
    fit(pair, (X, Y), steps=7, out=tmp_path / "run", **keywords)
    resumed = fit(pair, (X, Y), steps=12, out=tmp_path / "run", resume=True, **keywords)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(value, resumed.parameters[name])
    running = averages(whole.pair)
    for fitted in (resumed.pair, load_run(tmp_path / "run").pair):
        assert averages(fitted).keys() == running.keys()
        for name, value in averages(fitted).items():
            np.testing.assert_array_equal(value, running[name])
            assert not np.allclose(value, float(name.endswith("var")), atol=1e-3)  # its start

    z, labels = RANDOM.normal(size=(7, 2)).astype(np.float32), Y[:7]
    inputs = np.concatenate([z, np.eye(3)[labels]], 1)
    found = backend.decode(whole.pair, {"z": z}, 0, labels, size=7)
    np.testing.assert_allclose(found, decoded(whole.parameters, inputs, running), atol=1e-5)
    alone = backend.decode(whole.pair, {"z": z[:1]}, 0, labels[:1], size=1)
    np.testing.assert_allclose(alone, found[:1], atol=1e-6)
    assert whole.sample(5, Y[:5]).shape == (5, 6)
    assert np.isfinite(log_likelihood(whole.pair, (X, Y), num_particles=10).mean)
    for name, value in averages(whole.pair).items():  # what evaluates moves nothing
        np.testing.assert_array_equal(value, running[name])

    trained, moved = in_training_mode(whole.pair, inputs)
    np.testing.assert_allclose(trained, decoded(whole.parameters, inputs, None), atol=1e-4)
    assert np.abs(trained - found).max() > 0.01
    first = first_layer(whole.parameters, inputs)
    for name, moment in (("mean", first.mean(0)), ("var", first.var(0))):
        expected = 0.9 * running[f"norms.0.{name}"] + 0.1 * moment
        np.testing.assert_allclose(moved[f"norms.0.{name}"], expected, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_draws_have_the_returned_mean(engine: str) -> None:
    """Column means of x - g over 4,000 rows, within 5.5 standard errors.

    Six columns on two engines: a right pair fails once in 2,000,000 runs.
    """
    means, draws = load_engine(engine).draw(
        create("mlp_generator", engine=engine, **SMALL, data_mean=np.linspace(0.1, 0.9, 6)), 4000, 1
    )
    assert means is not None
    error = np.sqrt((means * (1 - means)).mean(0) / 4000)
    assert (np.abs((draws - means).mean(0)) < 5.5 * error).all()
    assert means.std(0).min() > 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_gaussian_mean_is_the_output_or_its_sigmoid(engine: str) -> None:
    z, mean = np.zeros((1, 2), dtype=np.float32), np.linspace(0.1, 0.9, 6)
    for output in (None, "linear", "sigmoid"):
        pair = create(
            "mlp_generator",
            engine=engine,
            likelihood="gaussian",
            output=output,
            data_mean=mean if output == "sigmoid" else 3 * mean - 1,
            prior="uniform",
            **SMALL,
        )
        found = load_engine(engine).decode(pair, {"z": z}, size=len(z))[0]
        np.testing.assert_allclose(found, mean if output == "sigmoid" else 3 * mean - 1, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_in_an_interval_has_the_density_of_a_tanh(engine: str) -> None:
    """Change of variables in float64, its integral, and draws from far out in the tails."""
    output = np.array([[0.3, -0.7], [40.0, 0.0]], dtype=np.float32)  # m, s of two data

    def density(row: int, z: np.ndarray) -> np.ndarray:
        u, scale = np.arctanh(z), np.exp(float(output[row, 1]))
        return norm.pdf(u, output[row, 0], scale) / (1 - z**2)

    inside = np.linspace(-0.99, 0.99, 5)
    assert quad(lambda z: density(0, np.asarray(z)), -1, 1)[0] == pytest.approx(1, abs=1e-6)
    if engine == "pyro":
        parameters = torch.tensor(output, requires_grad=True)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            proposed = latents.noise_proposal("uniform", parameters)
            drawn: Any = proposed.rsample()
        scores: Any = proposed.log_prob(drawn)
        again: Any = proposed.log_prob(drawn.clone())
        (slope,) = torch.autograd.grad((scores + again).sum(), parameters)
        given = torch.tensor(inside, dtype=torch.float32)[:, None, None].expand(5, 2, 1)
        found: Any = proposed.log_prob(given).detach()
        prior: Any = latents.noise("uniform", torch.zeros(3)).log_prob(
            torch.full((3,), latents.EDGE)
        )
        drawn, scores, again = (value.detach() for value in (drawn, scores, again))
    else:

        def total(parameters: Any) -> Any:
            proposed = latents_numpyro.noise_proposal("uniform", parameters)
            drawn, kept = proposed.sample_with_intermediates(jax.random.PRNGKey(0))
            scores: Any = proposed.log_prob(drawn, kept)
            again: Any = proposed.log_prob(drawn)
            return (scores + again).sum(), (drawn, scores, again)

        def scored(parameters: Any, given: Any) -> Any:
            return latents_numpyro.noise_proposal("uniform", parameters).log_prob(given)

        slope, (drawn, scores, again) = jax.jit(jax.grad(total, has_aux=True))(output)
        found = jax.jit(scored)(output, np.broadcast_to(inside[:, None, None], (5, 2, 1)))
        prior = latents_numpyro.noise("uniform", 3).log_prob(np.full(3, latents.EDGE, np.float32))
    np.testing.assert_allclose(np.exp(np.asarray(found)[:, 0]), density(0, inside), rtol=1e-4)
    assert float(prior) == pytest.approx(-3 * np.log(2))
    assert abs(float(drawn[1, 0])) < 1 <= np.tanh(np.float32(20))  # where a plain tanh is 1
    for value in (scores, again, slope):
        assert np.isfinite(np.asarray(value)).all()
    np.testing.assert_allclose(scores[0], again[0], rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_refused_says_what_to_do(engine: str) -> None:
    for arguments, words in (
        ({"normalise": "virtual"}, "normalise must be one of none, batch"),
        ({"normalise": "batch", "hidden": ()}, r"hidden=\(\) has none"),
        ({"likelihood": "discretised-logistic"}, "likelihood must be one of bernoulli, gaussian"),
        ({"output": "linear"}, "leave output out, or use likelihood='gaussian'"),
        ({"output": "tanh"}, "output must be one of linear, sigmoid"),
        ({"prior": "laplace"}, "prior must be one of normal, uniform"),
        ({"classes": -1}, "classes must be a whole number, 0 for none, got -1"),
        ({"latent_dim": 0}, "latent_dim must be a whole number of at least 1"),
    ):
        with pytest.raises(ValueError, match=words):
            create("mlp_generator", engine=engine, **arguments)
    tensor: Any = torch.tensor if engine == "pyro" else np.asarray
    plain, classed = (create("mlp_generator", engine=engine, **o) for o in (SMALL, NORMED))
    with pytest.raises(ValueError, match="has no classes; leave y out"):
        cast(Any, plain).model(tensor(X), tensor(Y))
    with pytest.raises(ValueError, match=r"draws x of given classes.*0 to 2.*model\(None, y\)"):
        classed.model(None, size=4)
    with pytest.raises(ValueError, match="y is missing"):
        classed.check_batch(X)
    for wrong, words in ((Y + 1, "classes from 0 to 2; got 3"), (Y[:3], r"shape \(24,\)")):
        with pytest.raises(ValueError, match=words):
            cast(Any, classed).model(tensor(X), tensor(wrong))
