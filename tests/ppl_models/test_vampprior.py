"""A learnt prior: its density by hand, what is a part of it, and that it is the better one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scipy.special import expit, logsumexp
from scoring import log_densities

from inference import ELBO, fit, load_run
from inference.engines import load_engine
from ppl_models import create

norm: Any = stats.norm  # scipy's types are not those of its laws

SMALL: dict[str, Any] = {"data_dim": 6, "latent_dim": 2, "hidden": (), "components": 3, "seed": 1}
X = (np.random.default_rng(0).random((5, 6)) < 0.5).astype(np.float32)
Z = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)


def log_prior(weights: dict[str, np.ndarray], kind: str) -> np.ndarray:
    """log p(z) at Z, (5,), of linear encoders."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    if kind == "normal":
        means, scales = np.zeros((1, 2)), np.ones((1, 2))
    elif kind == "mixture":
        means, scales = w["means"], np.exp(w["log_scales"])
    else:
        output = expit(w["pseudo_inputs"]) @ w["encoder.layers.0.weight"].T
        output = output + w["encoder.layers.0.bias"]
        means, scales = output[:, :2], np.exp(output[:, 2:])
    each = norm(means, scales).logpdf(Z[:, None].astype(np.float64)).sum(-1)
    return np.asarray(logsumexp(each, axis=1)) - np.log(len(means))


@pytest.mark.parametrize("kind", ["vampprior", "mixture", "normal"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_density_is_that_of_the_mixture(engine: str, kind: str) -> None:
    pair = create("vampprior", engine=engine, prior=kind, **SMALL)
    weights = pair.get_weights()
    names = {each for each in weights if "layers" not in each}
    assert (
        names
        == {
            "vampprior": {"pseudo_inputs"},
            "mixture": {"means", "log_scales"},
            "normal": set(),
        }[kind]
    )
    log_p, _ = log_densities(pair, (X,), {"z": Z})
    decoder = {n: v.astype(np.float64) for n, v in weights.items() if n.startswith("decoder")}
    (weight, bias) = (
        next(v for n, v in decoder.items() if n.endswith(part)) for part in ("weight", "bias")
    )
    logits = Z @ weight.T + bias
    of_x = (X * logits - np.logaddexp(0, logits)).sum(1)
    np.testing.assert_allclose(log_p, log_prior(weights, kind) + of_x, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_component_of_all_data_has_the_best_prior(engine: str) -> None:
    """With as many pseudo-inputs as data and set to them, the prior is the mean posterior.

    Of all priors that one has the largest mean ELBO; a standard normal is below.
    """
    pair = create("vampprior", engine=engine, **{**SMALL, "components": len(X)})
    other = create("vampprior", engine=engine, prior="normal", **SMALL)
    weights = pair.get_weights()
    weights["pseudo_inputs"] = np.where(X > 0, 30.0, -30.0).astype(np.float32)
    for name in weights:
        if name == "encoder.layers.0.weight":
            weights[name] = 3 * weights[name]
    pair.set_weights(weights)
    other.set_weights({n: v for n, v in weights.items() if n != "pseudo_inputs"})
    objective = ELBO(100, analytic_kl=False)
    losses = [load_engine(engine).gradients(each, objective, (X,), 20)[1] for each in (pair, other)]
    error = sum(each.std() for each in losses) / 20**0.5
    assert losses[0].mean() < losses[1].mean() - 5 * error


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("engine", ENGINES)
def test_pseudo_inputs_begin_at_rows_of_data(engine: str, likelihood: str) -> None:
    pair = create("vampprior", engine=engine, likelihood=likelihood, examples=X[:3], **SMALL)
    start = pair.get_weights()["pseudo_inputs"]
    if likelihood == "bernoulli":
        np.testing.assert_allclose(expit(start), 0.1 + 0.8 * X[:3], rtol=1e-6)
    else:
        np.testing.assert_array_equal(start, X[:3])


def test_pseudo_inputs_learn() -> None:
    pair = create("vampprior", engine="numpyro", **SMALL)
    before = pair.get_weights()["pseudo_inputs"]
    run = fit(pair, X, steps=50, learning_rate=0.05, progress=False)
    assert (abs(run.parameters["pseudo_inputs"] - before) > 1e-3).any(1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_explained(engine: str) -> None:
    with pytest.raises(ValueError, match="prior must be one of vampprior, mixture, normal"):
        create("vampprior", engine=engine, prior="vamp")
    with pytest.raises(ValueError, match="components must be a whole number"):
        create("vampprior", engine=engine, components=0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"examples": X}, r"examples must have shape \(3, 6\), one row .* got \(5, 6\)"),
        ({"examples": 255 * X[:3]}, "examples must lie in .* scale the data first"),
        ({"examples": np.nan * X[:3]}, "examples has values that are not finite"),
        ({"examples": X[:3], "prior": "normal"}, "examples are where .* got prior='normal'"),
    ],
)
def test_rows_that_are_no_pseudo_inputs(engine: str, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("vampprior", engine=engine, **SMALL, **wrong)


@pytest.mark.parametrize("shape", [(1200, 6), (3, 1100)])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_run_with_many_examples_loads(kind: Any, shape: tuple[int, int], tmp_path: Path) -> None:
    """A spec's tables may be as long as arrays are, and its layers and shapes may not."""
    components, data_dim = shape
    examples = (np.random.default_rng(0).random(shape) < 0.5).astype(kind)
    sizes = {**SMALL, "data_dim": data_dim, "components": components}
    pair = create("vampprior", engine="pyro", examples=examples, **sizes)
    run = fit(pair, examples[:5].astype(np.float32), steps=1, progress=False, out=tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    for name, value in run.parameters.items():
        np.testing.assert_array_equal(loaded.parameters[name], value)
