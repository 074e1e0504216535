"""What the libraries' own functions make of a fitted pair, and of a run's parameters."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import numpyro_corpus
import numpyro_corpus.registry
import pyro
import pyro.infer
import pyro_corpus
import pytest
import torch
from numpyro.handlers import seed, substitute, trace
from numpyro.infer import Predictive, log_likelihood
from numpyro.infer.util import log_density

from inference import fit

PYRO = ["numbers_and_none", "dictionary_of_data", "annealed_by_keyword", "flow_of_censored_times"]
NUMPYRO = ["numbers_and_none", "dictionary_of_data", "labels_now_and_then", "imputed_ages"]


def fitted(corpus: Any, name: str) -> tuple[Any, Any, Any, Any]:
    """The functions, their run, and what they take."""
    program = next(each for each in corpus.PROGRAMS if each.name == name)
    torch.manual_seed(0)
    pair, batch = program.make(), program.batches()[0]
    run = fit(pair, [batch], objective=program.loss(), steps=3, progress=False)
    args, kwargs = ((), batch) if isinstance(batch, dict) else (batch, {})
    return pair, run, args, kwargs


@pytest.mark.parametrize("name", PYRO)
def test_predictive_of_pyro(name):
    """Of the fitted pair, and of the functions with the run's parameters: the same draws."""
    (model, guide), run, args, kwargs = fitted(pyro_corpus, name)

    def draws(model: Any, guide: Any) -> dict[str, Any]:
        pyro.set_rng_seed(1)
        made = pyro.infer.Predictive(model, guide=guide, num_samples=3)(*args, **kwargs)
        return {site: value.detach().numpy() for site, value in made.items()}

    pyro.clear_param_store()
    ours = draws(run.pair.model, run.pair.guide)
    with pyro.get_param_store().scope(run.params):
        theirs = draws(model, guide)
    assert ours.keys() == theirs.keys()
    assert ours
    for site, value in ours.items():
        np.testing.assert_array_equal(value, theirs[site], err_msg=site)


def test_parameters_of_pyro_are_copies():
    (_model, _guide), run, _args, _kwargs = fitted(pyro_corpus, "numbers_and_none")
    before = {name: array.copy() for name, array in run.parameters.items()}
    with pyro.get_param_store().scope(run.params):
        pyro.param("loc").data += 1
    after = run.params["params"]["loc"].detach().numpy()
    np.testing.assert_array_equal(after, before["loc"])


@pytest.mark.parametrize("name", NUMPYRO)
def test_predictive_of_numpyro(name):
    (model, guide), run, args, kwargs = fitted(numpyro_corpus, name)
    key = jax.random.PRNGKey(0)
    theirs = Predictive(model, guide=guide, params=run.params, num_samples=3)(key, *args, **kwargs)
    ours = Predictive(run.pair.model, guide=run.pair.guide, num_samples=3)(key, *args, **kwargs)
    assert ours.keys() == theirs.keys()
    assert ours
    for site, value in ours.items():
        np.testing.assert_array_equal(value, theirs[site], err_msg=site)


def test_the_log_likelihood_utility_of_numpyro():
    """It is the density of what is observed, at draws of the guide's."""
    (model, guide), run, args, kwargs = fitted(numpyro_corpus, "dictionary_of_data")
    key = jax.random.PRNGKey(0)
    draws = Predictive(guide, params=run.params, num_samples=2)(key, *args)
    found = log_likelihood(run.pair.model, draws, *args)["y"]
    for place in range(2):
        held = {site: value[place] for site, value in draws.items()}
        _whole, sites = log_density(model, args, kwargs, {**run.params, **held})
        fn, value = sites["y"]["fn"], sites["y"]["value"]
        np.testing.assert_allclose(found[place], fn.log_prob(value), rtol=1e-5)


def test_an_autoguide_samples_its_posterior():
    (_model, guide), run, args, _kwargs = fitted(numpyro_corpus, "imputed_ages")
    key = jax.random.PRNGKey(2)
    draws = guide.sample_posterior(key, run.params, sample_shape=(400,))
    seen = trace(seed(substitute(guide, data=run.params), key)).get_trace(*args)
    assert set(draws) >= {"mean", "scale", "slope"}
    mean = run.params["mean_auto_loc"] if "mean_auto_loc" in run.params else seen["mean"]["value"]
    np.testing.assert_allclose(draws["mean"].mean(), mean, atol=0.05)
