"""DLGM against linear-Gaussian algebra in float64: densities, posteriors, evidence, draws."""

from __future__ import annotations

from typing import Any, cast

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from placing import place
from rows import ENGINES
from scipy.stats import multivariate_normal
from scoring import log_densities

from inference import active_units, log_likelihood
from inference.engines import load_engine
from ppl_models import create
from ppl_models.networks.latent_variables import latents, latents_numpyro

SIGMA = 0.7
Arrays = dict[str, NDArray[Any]]


def linear(latent_dims: tuple[int, int], *, full: bool = False, data_dim: int = 5) -> Arrays:
    """z2 ~ N(0, I), z1 = w1 z2 + b1 + g e, x = w0 z1 + b0 + SIGMA e; w0 has orthogonal columns."""
    random = np.random.default_rng(4)
    first, second = latent_dims
    w0 = np.linalg.qr(random.normal(size=(data_dim, first)))[0] * random.uniform(0.5, 2, first)
    g = np.diag(random.uniform(0.5, 1.5, first))
    if full:
        g = g + np.tril(random.normal(size=(first, first)), -1)
    return {
        "w0": w0,
        "b0": random.normal(size=data_dim),
        "w1": random.normal(size=(first, second)),
        "b1": random.normal(size=first),
        "g": g,
    }


def joint(story: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and covariance of (x, z1, z2)."""
    w0, w1 = story["w0"], story["w1"]
    (data_dim, first), second = w0.shape, w1.shape[1]
    # All three as a linear map of the standard normal (z2, e1, e0).
    map_z1 = np.hstack([w1, story["g"], np.zeros((first, data_dim))])
    map_x = w0 @ map_z1 + np.hstack(
        [np.zeros((data_dim, second + first)), SIGMA * np.eye(data_dim)]
    )
    map_z2 = np.hstack([np.eye(second), np.zeros((second, first + data_dim))])
    rows = np.vstack([map_x, map_z1, map_z2])
    mean = np.concatenate([w0 @ story["b1"] + story["b0"], story["b1"], np.zeros(second)])
    return mean, rows @ rows.T


def posterior(
    story: Arrays, unknown: slice, known: slice
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(weight, bias, covariance) of one part of (x, z1, z2) given another."""
    mean, covariance = joint(story)
    weight = np.linalg.solve(covariance[known, known], covariance[known, unknown]).T
    bias = mean[unknown] - weight @ mean[known]
    return weight, bias, covariance[unknown, unknown] - weight @ covariance[known, unknown]


def evidence(story: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    mean, covariance = joint(story)
    data = slice(0, x.shape[1])
    return multivariate_normal(mean[data], cast(Any, covariance[data, data])).logpdf(x)


def gaussian_layer(
    name: str, weight: NDArray[Any], bias: NDArray[Any], scale: NDArray[Any]
) -> Arrays:
    """A linear layer whose output is a mean, linear in its input, and a constant log scale."""
    zeros = np.zeros_like(weight)
    return {
        f"{name}.layers.0.weight": np.concatenate([weight, zeros]),
        f"{name}.layers.0.bias": np.concatenate([bias, np.log(scale)]),
    }


def parameters(story: Arrays, guide: str, *, full: bool = False, wider: float = 1.0) -> Arrays:
    """The pair's parameters: the story's, and the exact posterior where the guide can hold it."""
    (data_dim, first), second = story["w0"].shape, story["w1"].shape[1]
    x, z1 = slice(0, data_dim), slice(data_dim, data_dim + first)
    z2 = slice(data_dim + first, data_dim + first + second)
    values = {"decoders.0.layers.0.weight": story["w0"], "decoders.0.layers.0.bias": story["b0"]}
    if full:
        free = np.tril(story["g"], -1) + np.diag(np.log(story["g"].diagonal()))
        values |= {
            "decoders.1.layers.0.weight": story["w1"],
            "decoders.1.layers.0.bias": story["b1"],
            "noise.0": free,
        }
    else:
        scale = story["g"].diagonal()
        values |= gaussian_layer("decoders.1", story["w1"], story["b1"], scale)
    if guide == "ladder":
        weight, bias, covariance = posterior(story, z2, x)
        values |= gaussian_layer("encoders.1", weight, bias, wider * covariance.diagonal() ** 0.5)
        # The likelihood of x as a Gaussian of z1: a diagonal precision, as w0 is orthogonal.
        precision = (story["w0"] ** 2).sum(0) / SIGMA**2
        inverse = story["w0"].T / SIGMA**2 / precision[:, None]
        estimate = gaussian_layer(
            "encoders.0", inverse, -inverse @ story["b0"], wider * precision**-0.5
        )
        return values | estimate
    weight, bias, covariance = posterior(story, z1, x)
    values |= gaussian_layer("encoders.0", weight, bias, wider * covariance.diagonal() ** 0.5)
    weight, bias, covariance = posterior(story, z2, z1)
    return values | gaussian_layer("encoders.1", weight, bias, wider * covariance.diagonal() ** 0.5)


def built(engine: str, story: Arrays, guide: str, *, full: bool = False, wider: float = 1) -> Any:
    data_dim, first = story["w0"].shape
    pair = create(
        "dlgm",
        engine=engine,
        data_dim=data_dim,
        latent_dims=(first, story["w1"].shape[1]),
        hidden=(),
        noise="full" if full else "diagonal",
        guide=guide,
        likelihood="gaussian",
        noise_scale=SIGMA,
    )
    x = np.zeros((1, data_dim), np.float32)
    return place(pair, parameters(story, guide, full=full, wider=wider), (x,))


def data(story: Arrays, rows: int) -> NDArray[np.float32]:
    mean, covariance = joint(story)
    drawn = np.random.default_rng(8).multivariate_normal(mean, covariance, rows)
    return drawn[:, : len(story["w0"])].astype(np.float32)


def single_draws(story: Arrays, rows: int) -> Arrays:
    random = np.random.default_rng(9)
    first, second = story["w1"].shape
    return {
        "z1": random.normal(size=(rows, first)).astype(np.float32),
        "z2": random.normal(size=(rows, second)).astype(np.float32),
    }


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_joint_density_is_that_of_one_large_gaussian(engine: str, full: bool) -> None:
    story = linear((3, 2), full=full)
    pair = built(engine, story, "bottom-up", full=full)
    x, z = data(story, 6), single_draws(story, 6)
    log_p, _ = log_densities(pair, (x,), z)
    mean, covariance = joint(story)
    whole = np.hstack([x, z["z1"], z["z2"]])
    expected = multivariate_normal(mean, cast(Any, covariance)).logpdf(whole)
    np.testing.assert_allclose(log_p, expected, rtol=1e-4)


@pytest.mark.parametrize(("guide", "dims"), [("bottom-up", (1, 1)), ("ladder", (3, 1))])
@pytest.mark.parametrize("engine", ENGINES)
def test_bayes_rule_at_any_latents_where_the_guide_is_the_posterior(
    engine: str, guide: str, dims: tuple[int, int]
) -> None:
    story = linear(dims)
    pair = built(engine, story, guide)
    x = data(story, 6)
    log_p, log_q = log_densities(pair, (x,), single_draws(story, 6))
    np.testing.assert_allclose(log_p - log_q, evidence(story, x), rtol=2e-4)


@pytest.mark.parametrize(("guide", "dims"), [("bottom-up", (1, 1)), ("ladder", (2, 1))])
@pytest.mark.parametrize("engine", ENGINES)
def test_importance_weights_average_to_the_evidence(
    engine: str, guide: str, dims: tuple[int, int]
) -> None:
    """Scales of the guide 1.3 times too wide; 20,000 draws for each of 4 data.

    Per latent the mean square weight is then at most 1.69 / sqrt(2.38) = 1.0955, by three latents
    1.315, so that the mean weight has a standard deviation of at most 0.004. Eight comparisons of
    5 standard deviations fail falsely with probability below 1e-5.
    """
    story = linear(dims)
    pair = built(engine, story, guide, wider=1.3)
    x = data(story, 4)
    found = log_likelihood(pair, x, num_particles=20_000, seed=1).per_datum
    np.testing.assert_allclose(np.exp(found - evidence(story, x)), 1, atol=0.02)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_draws_have_the_covariance_of_the_evidence(engine: str, full: bool) -> None:
    """20,000 draws, 15 entries of standard error sqrt((s_ii s_jj + s_ij^2) / n), limit 6."""
    story = linear((3, 2), full=full)
    _, draws = load_engine(engine).draw(built(engine, story, "bottom-up", full=full), 20_000, 3)
    covariance = joint(story)[1][:5, :5]
    variances = covariance.diagonal()
    error = np.sqrt((np.outer(variances, variances) + covariance**2) / len(draws))
    found = np.cov(draws.astype(np.float64).T)
    assert (np.abs(found - covariance) < 6 * error).all()


def test_precision_weighting_against_float64_algebra() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(4, 50)).astype(np.float32)
    values[1] *= 10  # log scales: one estimate may be far sharper than the other
    mean, log_scale, other, other_log_scale = values.astype(np.float64)
    precisions = np.exp(-2 * log_scale), np.exp(-2 * other_log_scale)
    expected = (
        (mean * precisions[0] + other * precisions[1]) / sum(precisions),
        -0.5 * np.log(sum(precisions)),
    )
    j, t = jnp.asarray(values), torch.tensor(values)
    ours: Any = latents_numpyro.precision_weighted((j[0], j[1]), (j[2], j[3]))
    theirs: Any = latents.precision_weighted((t[0], t[1]), (t[2], t[3]))
    for found in (ours, theirs):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_defaults_are_the_two_layer_network_of_burda(engine: str) -> None:
    pair: Any = create("dlgm", engine=engine)
    widths = [
        [layer.weight.shape[::-1] if engine == "pyro" else layer.kernel.shape for layer in n.layers]
        for n in (*pair.encoders, *pair.decoders)
    ]
    assert widths == [
        [(784, 200), (200, 200), (200, 200)],
        [(100, 100), (100, 100), (100, 100)],
        [(100, 200), (200, 200), (200, 784)],
        [(50, 100), (100, 100), (100, 200)],
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_bias_from_the_data_mean(engine: str) -> None:
    mean = np.linspace(0, 1, 12)
    pair = create("dlgm", engine=engine, data_dim=12, latent_dims=(3, 2), hidden=(), data_mean=mean)
    zeros = {"z1": np.zeros((2, 3), np.float32), "z2": np.zeros((2, 2), np.float32)}
    decoded = load_engine(engine).decode(pair, zeros, size=2)[0]
    np.testing.assert_allclose(decoded, np.clip(mean, 0.001, 0.999), atol=1e-5)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"latent_dims": (3,)}, "latent_dims must have two sizes or more.*'vae'"),
        ({"latent_dims": (3, 0)}, "latent_dims must be a whole number of at least 1, got 0"),
        ({"hidden": ((7,),)}, r"hidden must have 2 sequences of sizes.*got \(\(7,\),\)"),
        ({"hidden": (7, 5)}, "entry of hidden must be a sequence of sizes"),
        ({"hidden": 7}, "hidden must have 2 sequences"),
        ({"noise": "spherical"}, "noise must be one of diagonal, full"),
        ({"guide": "ladder", "noise": "full"}, "guide='ladder' .* use guide='bottom-up'"),
        ({"guide": "top-down"}, "guide must be one of bottom-up, ladder"),
        ({"likelihood": "poisson"}, "likelihood must be one of bernoulli"),
        ({"noise_scale": 0.0}, "noise_scale must be positive"),
        ({"data_mean": np.zeros(3)}, r"data_mean must have shape \(12,\)"),
        ({"seed": -1}, "seed must be"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_refused_by_name(engine: str, bad: dict[str, Any], words: str) -> None:
    small = {"data_dim": 12, "latent_dims": (3, 2)}
    with pytest.raises(ValueError, match=words):
        create("dlgm", engine=engine, **{**small, **bad})


@pytest.mark.parametrize("engine", ENGINES)
def test_active_units_of_a_hierarchy(engine: str) -> None:
    """The mean of z2 follows x by a known amount, and a draw of z1 by far more.

    z1 ~ N(0.5 x_1, 1), z2 ~ N((0.1 z1, 0, z1), 1): over 4,000 data x_1 ~ N(0, 1) the means'
    variances are 0.25 for z1, and 0.0025, 0 and 0.25 for z2, each with a relative standard error
    below 0.04 (the thresholds are 7 of them away). The noise of 10 draws of z1 would add 0.001, 0
    and 0.1 to those of z2.
    """
    story = linear((1, 3))
    values = parameters(story, "bottom-up")
    one = np.ones(1)
    values |= gaussian_layer("encoders.0", 0.5 * np.eye(1, 5), 0 * one, one)
    values |= gaussian_layer("encoders.1", np.array([[0.1], [0.0], [1.0]]), np.zeros(3), np.ones(3))
    x = np.random.default_rng(0).normal(size=(4000, 5)).astype(np.float32)
    pair = create(
        "dlgm", engine=engine, data_dim=5, latent_dims=(1, 3), hidden=(), likelihood="gaussian"
    )
    fitted = place(pair, values, (x[:1],))
    assert active_units(fitted, x) == {"z1": 1, "z2": 1}
    assert active_units(fitted, x, threshold=0.0018) == {"z1": 1, "z2": 2}
    # Between 0.25 and the 0.35 that the draws' noise would make of it.
    assert active_units(fitted, x, threshold=0.3) == {"z1": 0, "z2": 0}
