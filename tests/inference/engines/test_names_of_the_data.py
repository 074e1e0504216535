# type: ignore  # as users write them
"""Data may have any name, and a latent may be called `x`; a model need not return the mean.

x ~ Normal(0, 2), obs ~ Normal(3 x + 1, 0.1): draws of obs have mean 1 and deviation 6.0.
"""

from __future__ import annotations

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy import stats

from inference import (
    MMD,
    NCE,
    annealed_importance_sampling,
    bidirectional,
    check_pair,
    fit,
    simulation_based_calibration,
)
from inference.errors import ArgumentError, ObjectiveError

OBS = np.random.default_rng(0).normal(1.0, 6.0, size=(30, 1)).astype(np.float32)
DEVIATION = np.sqrt(36.01)


def state_space(obs=None, *, size=1):
    with pyro.plate("data", size if obs is None else len(obs)):
        x = pyro.sample("x", dist.Normal(0.0, 2.0))
        scale = pyro.param("scale", torch.tensor(0.1))
        pyro.sample("obs", dist.Normal(3 * x[..., None] + 1, scale).to_event(1), obs=obs)


def filtered(obs=None, *, size=1):
    del size
    shift = pyro.param("shift", torch.tensor(0.0))
    with pyro.plate("data", len(obs)):
        pyro.sample("x", dist.Normal((obs[..., 0] - 1) / 3 + shift, 0.1 / 3))


def state_space_numpyro(obs=None, *, size=1):
    with numpyro.plate("data", size if obs is None else len(obs)):
        x = numpyro.sample("x", npdist.Normal(0.0, 2.0))
        scale = numpyro.param("scale", 0.1)
        numpyro.sample("obs", npdist.Normal(3 * x[..., None] + 1, scale).to_event(1), obs=obs)


def filtered_numpyro(obs=None, *, size=1):
    del size
    shift = numpyro.param("shift", 0.0)
    with numpyro.plate("data", len(obs)):
        numpyro.sample("x", npdist.Normal((obs[..., 0] - 1) / 3 + shift, 0.1 / 3))


PAIRS = {
    "pyro": (state_space, filtered),
    "numpyro": (state_space_numpyro, filtered_numpyro),
}


@pytest.fixture(params=PAIRS)
def pair(request):
    pyro.clear_param_store()
    return PAIRS[request.param]


def test_what_is_drawn_is_the_data(pair):
    """4,000 draws: mean and deviation within 5 standard errors, once in a million runs not."""
    run = fit(pair, OBS, steps=1, learning_rate=1e-9, progress=False)
    drawn, means = run.sample(4000, mean=False), run.sample(4000)
    assert drawn.shape == means.shape == (4000, 1)
    error = DEVIATION / np.sqrt(4000)
    assert abs(drawn.mean() - 1) < 5 * error
    assert abs(drawn.std() - DEVIATION) < 5 * error
    residuals = drawn - means  # of one seed, the same latents
    assert abs(residuals.std() - 0.1) < 0.01
    x = np.float32([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(run.decode(x=x), 3 * x[:, None] + 1, atol=1e-5)
    np.testing.assert_allclose(run.reconstruct(OBS), OBS, atol=1e-4)


def test_evaluations_that_simulate(pair):
    found = simulation_based_calibration(pair, num_simulations=100, num_draws=9, seed=1)
    assert found.names[0] == "x"
    both = bidirectional(pair, 4, num_chains=4, num_temperatures=300)
    exact = -0.5 * np.log(2 * np.pi * 36.01) - 0.5  # in the mean over the model's own data
    assert abs(both.lower.mean - exact) < 5  # of 4 data
    assert abs(both.gap) < 2


def of_doubled(model):
    """The same, of data that are halved before they are observed: no site has them as they are."""

    def halved(obs=None, *, size=1):
        return model(None if obs is None else obs / 2, size=size)

    return halved


def returning(obs=None, *, size=1):
    with pyro.plate("data", size if obs is None else len(obs)):
        x = pyro.sample("x", dist.Normal(0.0, 2.0))
        scale = pyro.param("scale", torch.tensor(0.1))
        pyro.sample("obs", dist.Normal(3 * x[..., None] + 1, scale).to_event(1), obs=obs)
        return 3 * x[..., None] + 1


def returning_numpyro(obs=None, *, size=1):
    with numpyro.plate("data", size if obs is None else len(obs)):
        x = numpyro.sample("x", npdist.Normal(0.0, 2.0))
        scale = numpyro.param("scale", 0.1)
        numpyro.sample("obs", npdist.Normal(3 * x[..., None] + 1, scale).to_event(1), obs=obs)
        return 3 * x[..., None] + 1


@pytest.mark.parametrize("pair", [(returning, filtered), (returning_numpyro, filtered_numpyro)])
def test_noise_of_an_evaluation_takes_the_place_of_the_datas_own(pair):
    """log Normal(obs; 1, 36 + 4) in closed form; both densities together would be near -5."""
    pyro.clear_param_store()
    obs = np.float32([[1.0], [4.0]])
    settings = {"num_chains": 40, "num_temperatures": 200}
    truth = stats.norm(1, np.sqrt(40)).logpdf(obs[:, 0])
    for each in (pair, (of_doubled(pair[0]), pair[1])):
        found = annealed_importance_sampling(each, obs, noise_scale=2.0, **settings)
        np.testing.assert_allclose(found.per_datum, truth, atol=0.15)


def columns(obs=None, *, size=1):
    rows = size if obs is None else len(obs)
    with pyro.plate("data", rows):
        for number in range(2):
            value = None if obs is None else obs[:, number]
            scale = pyro.param("scale", torch.tensor(1.0))
            pyro.sample(f"column_{number}", dist.Normal(0.0, scale), obs=value)


def test_data_at_several_sites_are_no_draw_of_one():
    run = fit((columns, lambda obs: None), np.zeros((8, 2), np.float32), steps=1, progress=False)
    with pytest.raises(ObjectiveError, match="which of 'column_0', 'column_1' draws the data"):
        run.sample(3)


def halves(obs=None, *, size=1):
    with pyro.plate("data", size if obs is None else len(obs)):
        left, right = (None, None) if obs is None else (obs, obs + 1)
        scale = pyro.param("scale", torch.tensor(1.0))
        pyro.sample("left", dist.Normal(0.0, scale), obs=left)
        pyro.sample("right", dist.Normal(0.0, scale), obs=right)


def test_data_that_two_sites_observe_are_no_draw_of_one():
    run = fit((halves, lambda obs: None), np.zeros(8, np.float32), steps=1, progress=False)
    with pytest.raises(ObjectiveError, match="observes its data at several sites, 'left', 'right'"):
        run.sample(3)


def thrown(count=None, *, size=1):
    with pyro.plate("data", size if count is None else len(count)):
        logits = pyro.param("logits", torch.zeros(3))
        pyro.sample("face", dist.Categorical(logits=logits), obs=count)


def test_categories_have_no_mean():
    run = fit((thrown, lambda count: None), np.array([0, 1, 2, 1]), steps=1, progress=False)
    assert set(run.sample(50)) <= {0, 1, 2}
    with pytest.raises(ArgumentError, match="categories have none that the model does not return"):
        run.sample(5, mean=True)


def made(x=None, *, size=1):
    with pyro.plate("data", size if x is None else len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        shift = pyro.param("shift", torch.tensor(2.0))
        return pyro.deterministic("moved", (z + shift)[..., None], event_dim=1)


def made_numpyro(x=None, *, size=1):
    with numpyro.plate("data", size if x is None else len(x)):
        z = numpyro.sample("z", npdist.Normal(0.0, 1.0))
        shift = numpyro.param("shift", 2.0)
        numpyro.deterministic("moved", (z + shift)[..., None])


@pytest.mark.parametrize("generator", [made, made_numpyro])
def test_a_generator_without_a_likelihood_draws(generator):
    """Its draws are what it returns, or its one deterministic statement; no guide is asked."""
    pyro.clear_param_store()
    pair = generator, lambda x: None
    run = fit(pair, OBS, objective=MMD(), steps=1, learning_rate=1e-9, progress=False)
    assert abs(run.sample(2000).mean() - 2) < 5 / np.sqrt(2000)
    np.testing.assert_allclose(run.decode(z=np.float32([0.5])), [[2.5]])
    assert not check_pair(pair, OBS).failed


def energy(x=None, *, size=1):
    class Bell(npdist.Normal):
        normalised = False

    with numpyro.plate("data", size if x is None else len(x)):
        scale = numpyro.param("scale", 1.0)
        numpyro.sample("x", Bell(jnp.zeros(1), scale).to_event(1), obs=x)


def noise(rows=None, *, size=1):
    with numpyro.plate("data", size if rows is None else len(rows)):
        numpyro.sample("rows", npdist.Normal(jnp.zeros(1), 6.0).to_event(1), obs=rows)


def test_noise_may_have_a_name_of_its_own():
    objective = NCE(noise=SimpleNamespace(model=noise, guide=lambda rows: None, engine="numpyro"))
    run = fit((energy, lambda x: None), OBS, objective=objective, steps=2, progress=False)
    assert np.isfinite(run.history.loss).all()
