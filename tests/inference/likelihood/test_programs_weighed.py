# type: ignore  # as users write them
"""`log_likelihood` of programs with reparameterised, circular and subsampled sites."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpy.testing import assert_allclose
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import SplitReparam
from scipy import integrate, stats

from inference import (
    active_units,
    annealed_importance_sampling,
    bound_parts,
    check_pair,
    fit,
    log_likelihood,
    psis_k_hat,
    valid_objectives,
)
from inference.errors import ObjectiveError

STEADY = {"steps": 1, "learning_rate": 1e-6, "progress": False}
WIDE = functools.partial(AutoNormal, init_scale=0.8)


@pytest.fixture(autouse=True)
def _empty_store():
    pyro.clear_param_store()


def walk(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))
        pyro.sample("x", dist.Normal(z.cumsum(-1), 0.8).to_event(1), obs=x)


def test_parts_of_a_split_latent_are_no_discrete_latents():
    """4,000 draws; the effective sample size of a row is above 280: one in 1e5 is off by more."""
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    model = poutine.reparam(walk, {"z": SplitReparam([1, 2], -1)})
    run = fit((model, WIDE(model)), x, **STEADY)
    sums = np.tril(np.ones((3, 3)))
    want = stats.multivariate_normal(np.zeros(3), sums @ sums.T + 0.64 * np.eye(3)).logpdf(x)
    found = log_likelihood(run, x, num_particles=4_000).per_datum
    assert_allclose(found, want, atol=5 / np.sqrt(280))


def angle_in_pyro(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.VonMises(0.0, 1.0))
        pyro.sample("x", dist.Normal(torch.cos(z), 0.5), obs=x)


def on_the_line_in_pyro(x):
    scale = pyro.param("scale", torch.tensor(3.0))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(0.0, scale))


def angle_in_numpyro(x):
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", npdist.VonMises(0.0, 1.0))
        numpyro.sample("x", npdist.Normal(jnp.cos(z), 0.5), obs=x)


def on_the_line_in_numpyro(x):
    scale = numpyro.param("scale", 3.0)
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", npdist.Normal(0.0, scale))


@pytest.mark.parametrize(
    "pair",
    [(angle_in_pyro, on_the_line_in_pyro), (angle_in_numpyro, on_the_line_in_numpyro)],
    ids=["pyro", "numpyro"],
)
def test_a_latent_on_the_circle_counts_once(pair):
    """Its law has no rsample, is not discrete, and repeats where a guide on the line goes on.

    5,000 draws, standard deviation .025: one in 1e5 is off by more. With a density that repeats,
    each turn that the guide reaches adds as much again.
    """
    x = np.array([-0.8, 0.4, 1.1], np.float32)
    run = fit(pair, x, **STEADY)

    def density(x):
        def joint(z):
            return stats.vonmises(1.0).pdf(z) * stats.norm(np.cos(z), 0.5).pdf(x)

        return integrate.quad(joint, -np.pi, np.pi)[0]

    found = log_likelihood(run, x, num_particles=5_000).per_datum
    assert_allclose(found, [np.log(density(each)) for each in x.astype(float)], atol=0.11)
    blamed = [finding.check for finding in check_pair(pair, x).failed]
    assert "draws-in-support" in blamed


COUNTS = np.random.default_rng(1).poisson(2.0, (6, 4)).astype(np.float32)


def in_pyro(x):
    with pyro.plate("documents", len(x), subsample_size=3) as some:
        theta = pyro.sample("theta", dist.Dirichlet(torch.ones(4)))
        law = dist.Multinomial(probs=theta, validate_args=False)
        pyro.sample("x", law, obs=x[some])


def guide_in_pyro(x):
    more = pyro.param("more", torch.tensor(0.5))
    with pyro.plate("documents", len(x), subsample_size=3) as some:
        pyro.sample("theta", dist.Dirichlet(x[some] + 1 + more))


def in_numpyro(x):
    with numpyro.plate("documents", len(x), subsample_size=3):
        some = numpyro.subsample(x, event_dim=1)
        theta = numpyro.sample("theta", npdist.Dirichlet(np.ones(4)))
        numpyro.sample("x", npdist.Multinomial(some.sum(-1).astype(int), theta), obs=some)


def guide_in_numpyro(x):
    more = numpyro.param("more", 0.5)
    with numpyro.plate("documents", len(x), subsample_size=3):
        numpyro.sample("theta", npdist.Dirichlet(numpyro.subsample(x, event_dim=1) + 1 + more))


@pytest.mark.parametrize("pair", [(in_pyro, guide_in_pyro), (in_numpyro, guide_in_numpyro)])
def test_a_plate_that_takes_some_rows_itself_is_named(pair):
    """Totals of a Multinomial come with the rows that it took."""
    run = fit(pair, [(COUNTS,)], **STEADY)
    for evaluate in (log_likelihood, psis_k_hat, bound_parts):
        with pytest.raises(ObjectiveError, match="'documents' takes 3 of 6"):
            evaluate(run, COUNTS, num_particles=100)
    for ask in (active_units, type(run).latents):
        with pytest.raises(ObjectiveError, match="'documents' takes 3 of 6"):
            ask(run, COUNTS)


def test_what_is_observed_beside_the_plate_is_named():
    def model(x):
        w = pyro.sample("w", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(w, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    known = poutine.condition(model, data={"w": torch.tensor(0.5)})
    x = torch.tensor([0.4, 1.1, 0.7])
    refused = valid_objectives((known, WIDE(known)), x).refused["IWAE"]
    assert "'w' is observed outside of the plate 'data'" in refused


def test_a_shared_latent_is_named_where_the_guide_is_made_for_all_rows():
    """On two rows alone its draws are of another shape than the model's, which is no mistake."""

    def model(x):
        w = pyro.sample("w", dist.Gamma(1.0, 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Gamma(1.0, 1.0))
            pyro.sample("x", dist.Poisson(w * z), obs=x)

    x = np.array([1, 0, 3, 2, 1], np.float32)
    run = fit((model, AutoNormal(model)), x, **STEADY)
    with pytest.raises(ObjectiveError, match="latent 'w', outside of the data's plate 'data'"):
        log_likelihood(run, x, num_particles=3)


def steps_in_pyro(level):
    def model(x):
        with pyro.plate("time", len(x)):
            steps = pyro.sample("steps", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
            pyro.sample("x", dist.Normal(level(steps), 1.0).to_event(1), obs=x)

    return model, AutoNormal(model)


def steps_in_numpyro(level):
    def model(x):
        with numpyro.plate("time", len(x)):
            steps = numpyro.sample("steps", npdist.Normal(0.0, 1.0).expand([2]).to_event(1))
            numpyro.sample("x", npdist.Normal(level(steps), 1.0).to_event(1), obs=x)

    return model, NumPyroAutoNormal(model)


ESTIMATES = {
    "iw": lambda run, x: log_likelihood(run, x, num_particles=3),
    "k-hat": lambda run, x: psis_k_hat(run, x),
    "ais": lambda run, x: annealed_importance_sampling(run, x, num_chains=2, num_temperatures=3),
}


@pytest.mark.parametrize("steps", [steps_in_pyro, steps_in_numpyro])
def test_rows_that_hang_together_by_their_latents_have_no_weights(steps):
    """A walk's last row is a sum of all latents; that of each row's own entries is none."""
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    walk, apart = (fit(steps(lambda z, a=a: z.cumsum(a)), [(x,)], **STEADY) for a in (-2, -1))
    for name, ask in ESTIMATES.items():
        with pytest.raises(ObjectiveError, match="changes with the latents of other rows"):
            ask(walk, x)
        if name == "iw":
            assert np.isfinite(ask(apart, x).per_datum).all()


def test_two_sets_of_data_are_named_with_their_plates():
    def model(x, y):
        with pyro.plate("one", len(x)):
            z = pyro.sample("z", dist.Normal(0 * x, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)
        with pyro.plate("two", len(y)):
            pyro.sample("y", dist.Normal(0 * y, 1.0), obs=y)

    x = torch.tensor([0.4, 1.1, 0.7])
    refused = valid_objectives((model, WIDE(poutine.block(model, hide=["y"]))), (x, x)).refused
    assert "'x' is observed in the plate 'one'" in refused["IWAE"]
    assert "'y' in 'two'" in refused["IWAE"]
