"""Autoguides of NumPyro in lists, in handlers and in other guides begin where upstream's SVI does.

They prepare themselves in their first run: looks at the pair keep that apart, and `fit` begins from
the key that `SVI.init` would have given them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoGuideList, AutoIAFNormal, AutoNormal
from numpyro.optim import Adam

from inference import fit, valid_objectives
from inference.engines.numpyro.parameters import flatten
from inference.engines.numpyro.records import Recorder

sample: Any = numpyro.sample
param: Any = numpyro.param
GROUP = np.arange(12) % 3
X = np.random.default_rng(0).normal(size=12).astype(np.float32)
STANDING = Adam(0.0)
Flow = partial(AutoIAFNormal, hidden_dims=[5], num_flows=1)


def model(group, x):
    centre = sample("centre", dist.Normal(0.0, 1.0))
    width = sample("width", dist.HalfNormal(1.0))
    with numpyro.plate("groups", 3):
        mean = sample("mean", dist.Normal(centre, width))
    with numpyro.plate("rows", len(x)):
        sample("x", dist.Normal(mean[group], 0.5), obs=x)


def a_list() -> Any:
    guides = AutoGuideList(model)
    guides.append(AutoNormal(handlers.block(model, hide=["mean"])))
    guides.append(Flow(handlers.block(model, expose=["mean", "groups"])))
    return guides


def in_a_handler() -> Any:
    return handlers.scale(Flow(model), scale=1.0)


def closed_over() -> Any:
    globals_ = Flow(handlers.block(model, hide=["mean"]))

    def guide(group, x):
        drawn = globals_(group, x)
        offset = param("offset", jnp.zeros(3))
        with numpyro.plate("groups", 3):
            sample("mean", dist.Normal(drawn["centre"] + offset, 0.3))

    return guide


@pytest.mark.parametrize("guide", [a_list, in_a_handler, closed_over])
def test_fit_begins_where_upstream_does(guide):
    svi = SVI(model, guide(), STANDING, Trace_ELBO())
    upstream = flatten(svi.get_params(svi.init(jax.random.PRNGKey(3), GROUP, X)))

    pair = model, guide()
    run = fit(pair, [(GROUP, X)], steps=1, seed=3, optimizer=STANDING, progress=False)
    ours = flatten(run.pair.values)
    assert list(ours) == list(upstream)
    for name, value in upstream.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


def test_looks_keep_to_themselves_what_they_make_of_an_autoguide():
    auto = AutoNormal(handlers.block(model, hide=["mean"]))

    def guide(group, x):
        auto(group, x)
        with numpyro.plate("groups", 3):
            sample("mean", dist.Normal(param("offset", jnp.zeros(3)), 0.3))

    assert "ELBO" in valid_objectives((model, guide), GROUP, X).valid
    recorder = Recorder((model, guide), (GROUP, X))
    first, second = (recorder.record("guide", (GROUP, X), rng_seed=seed) for seed in (0, 1))
    assert first.sites.keys() == {"centre", "width", "mean"}
    assert first.total != second.total
    assert auto.prototype_trace is None
