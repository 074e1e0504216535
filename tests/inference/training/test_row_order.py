# type: ignore  # as users write them
"""`fit` says so where minibatches cut what a program takes for one datum."""

from __future__ import annotations

import warnings

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpyro.contrib.control_flow import scan
from numpyro.infer.autoguide import AutoNormal

from inference import fit

SERIES = np.cumsum(np.random.default_rng(0).normal(size=12)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(12, 2)).astype(np.float32)
SHORT = {"steps": 2, "progress": False, "batch_size": 5}


def by_steps(x):
    slope = numpyro.param("slope", 0.5)

    def step(before, now):
        numpyro.sample("x", npdist.Normal(slope * before, 1.0), obs=now)
        return now, None

    scan(step, jnp.zeros(()), x)


def nothing(x):
    del x


def at_once(x):
    slope = pyro.param("slope", torch.tensor(0.5))
    before = torch.cat([x.new_zeros(1), x[:-1]])
    pyro.sample("x", dist.Normal(slope * before, 1.0).to_event(1), obs=x)


def one_mean(x):
    mean = numpyro.sample("mean", npdist.Normal(0.0, 1.0))
    numpyro.sample("x", npdist.Normal(mean, 1.0).expand(x.shape).to_event(2), obs=x)


def images(x):
    z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), 1), 1.0).to_event(2))
    pyro.sample("x", dist.Normal(z, 1.0).expand(x.shape).to_event(2), obs=x)


def proposed(x):
    shift = pyro.param("shift", torch.tensor(0.5))
    pyro.sample("z", dist.Normal(shift * x[:, :1], 1.0).to_event(2))


@pytest.mark.parametrize(
    ("pair", "x", "why"),
    [
        ((by_steps, nothing), SERIES, "depends on their order"),
        ((at_once, nothing), SERIES, "depends on their order"),
        ((one_mean, AutoNormal(one_mean)), ROWS, "the prior of 'mean' would count once in each"),
    ],
    ids=["scan", "event", "global"],
)
def test_rows_that_belong_together_are_not_cut_in_silence(pair, x, why):
    pyro.clear_param_store()
    with pytest.warns(UserWarning, match=f"5 of 12 rows come at a time.*{why}.*batch_size=12"):
        fit(pair, x, **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(pair, x, **SHORT | {"batch_size": 12})


def test_rows_that_are_scored_one_by_one_may_be_cut():
    pyro.clear_param_store()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        fit((images, proposed), ROWS, **SHORT)
    assert [str(each.message) for each in heard if "rows come at a time" in str(each.message)] == []
