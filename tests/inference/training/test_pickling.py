"""A run and its copy, by pickle, by copying, and by the libraries that send it to workers."""

from __future__ import annotations

import copy
import importlib
import io
import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle
import jax
import joblib
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from jax.example_libraries import stax
from numpyro.infer.autoguide import AutoIAFNormal, AutoLaplaceApproximation
from rows import ENGINES

from inference import compare, fit, log_likelihood
from ppl_models import create
from ppl_models.networks.arguments import ACTIVATIONS

X = np.random.default_rng(0).integers(0, 2, (6, 4)).astype(np.float32)


def by_joblib(run: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(run, file)
    file.seek(0)
    return joblib.load(file)


WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda run: pickle.loads(pickle.dumps(run)),
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda run: pickle.loads(cloudpickle.dumps(run)),
    "joblib": by_joblib,
}


def pyro_model(x: Any) -> None:
    loc = pyro.param("loc", torch.zeros(4))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)


def numpyro_model(x: Any) -> None:
    loc = numpyro.param("loc", jax.numpy.zeros(4))
    with numpyro.plate("data", len(x)):
        numpyro.sample("x", npdist.Normal(loc, 1.0).to_event(1), obs=x)


def guide(x: Any) -> None:
    pass


def assert_same(run: Any, twin: Any, engine: str) -> None:
    assert twin is not run
    assert twin.pair is not run.pair
    assert twin.history.equals(run.history)
    assert twin.parameters.keys() == run.parameters.keys()
    for name, value in run.parameters.items():
        np.testing.assert_array_equal(twin.parameters[name], value)
    mine, theirs = (log_likelihood(each, X, 3, engine=engine).per_datum for each in (run, twin))
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("engine", ENGINES)
def test_copies_of_a_run_are_the_run(engine: str) -> None:
    settings = {"data_dim": 4, "latent_dim": 2, "hidden": (3,), "activation": "tanh"}
    run = fit(create("vae", engine=engine, **settings), X, steps=2, progress=False)
    for way in WAYS.values():
        assert_same(run, way(run), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_of_functions_of_a_module_is_pickled(engine: str) -> None:
    model = {"pyro": pyro_model, "numpyro": numpyro_model}[engine]
    run = fit((model, guide), X, steps=2, progress=False, engine=engine)
    assert_same(run, pickle.loads(pickle.dumps(run)), engine)


def shared(x: Any) -> None:
    loc = numpyro.sample("loc", npdist.Normal(jax.numpy.zeros(4), 1.0).to_event(1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("x", npdist.Normal(loc, 1.0).to_event(1), obs=x)


def test_a_flow_of_numpyro_s_autoguides_is_pickled() -> None:
    """AutoIAFNormal keeps a layer of stax, lambdas without names."""
    importlib.import_module("inference.engines.numpyro")
    flow = AutoIAFNormal(shared, hidden_dims=[5])
    for way in WAYS.values():
        twin = way(flow)
        assert twin is not flow
        assert twin._nonlinearity is stax.Elu
        assert (twin.model, twin._hidden_dims) == (shared, [5])


def test_a_laplace_approximation_is_pickled_with_what_it_is_made_on() -> None:
    """Its covariance is the inverse of the prior's precision and one for each of 6 rows."""
    approximation = AutoLaplaceApproximation(shared)
    optimizer, loss = numpyro.optim.Adam(0.01), numpyro.infer.Trace_ELBO()
    svi = numpyro.infer.SVI(shared, approximation, optimizer, loss)
    params = svi.get_params(svi.init(jax.random.PRNGKey(0), X))
    for way in WAYS.values():
        twin = way(way(approximation))
        assert twin is not approximation
        covariance = twin.get_posterior(params).covariance_matrix
        np.testing.assert_allclose(covariance, np.eye(4) / 7, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_activation_is_pickled(engine: str) -> None:
    importlib.import_module(f"inference.engines.{engine}")
    for activation in ACTIVATIONS:
        pair = create("vae", engine=engine, data_dim=4, hidden=(3,), activation=activation)
        assert pickle.dumps(pair)


def test_what_has_no_name_is_named_by_the_refusal_and_sent_by_cloudpickle() -> None:
    def local_model(x: Any) -> None:
        pyro_model(x)

    run = fit((local_model, guide), X, steps=1, progress=False, engine="pyro")
    with pytest.raises((AttributeError, pickle.PicklingError), match="local_model"):
        pickle.dumps(run)
    assert_same(run, WAYS["cloudpickle"](run), "pyro")


def test_a_comparison_is_pickled(tmp_path: Any) -> None:
    pairs = {
        engine: create("vae", engine=engine, data_dim=4, latent_dim=2, hidden=(3,))
        for engine in ENGINES
    }
    found = compare(
        pairs,
        {"ELBO": "elbo"},
        X,
        budget={"steps": 1},
        test=X,
        out=tmp_path / "out",
        progress=False,
    )
    twin = pickle.loads(pickle.dumps(found))
    assert twin.frame.equals(found.frame)
    for engine in ENGINES:
        assert_same(found.run(engine, "ELBO"), twin.run(engine, "ELBO"), engine)
