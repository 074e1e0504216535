"""Guides that draw elsewhere than the model, that observe, or that draw points; and generators."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.contrib.control_flow
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from numpyro.handlers import mask
from numpyro.infer.autoguide import AutoDelta, AutoMultivariateNormal
from pyro import poutine
from pyro.infer import Trace_ELBO, autoguide

from inference import (
    annealed_importance_sampling,
    bound_parts,
    fit,
    log_likelihood,
    valid_objectives,
)
from inference.errors import ObjectiveError, PairError
from inference.objectives import ELBO, IWAE, MMD, NVIL, RLOO, Enumerated

sample: Any = numpyro.sample
param: Any = numpyro.param
X = np.array([0.3, -1.2, 2.0], np.float32)
EVIDENCE = float((-0.25 * X**2 - 0.5 * np.log(4 * np.pi)).sum())  # x = z + noise, both N(0, 1)
SINGLE = [ELBO(analytic_kl=False), NVIL(), RLOO(num_particles=2)]


def in_numpyro(x):
    with numpyro.plate("data", len(x)):
        z = sample("z", ndist.Normal(0.0, 1.0))
        sample("x", ndist.Normal(z, 1.0), obs=x)


def in_pyro(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", pdist.Normal(0.0, 1.0))
        pyro.sample("x", pdist.Normal(z, 1.0), obs=x)


def value(objective: Any, engine: str, model: Any, guide: Any, params: Any = None) -> float:
    if engine == "pyro":
        with pyro.get_param_store().scope():
            return -float(objective(model, guide, torch.tensor(X)).detach())
    key = jax.random.PRNGKey(0)
    model, guide = objective.attach(model, guide)
    svi = numpyro.infer.SVI(model, guide, numpyro.optim.Adam(0.1), objective)
    state = svi.init(key, jnp.array(X), init_params=params)
    return -float(svi.evaluate(state, jnp.array(X)))


def packed(engine: str) -> tuple[Any, Any, Any]:
    """The model and its exact posterior, N(x / 2, 1 / 2) for each row, as one joint normal."""
    if engine == "numpyro":
        exact = {"auto_loc": X / 2, "auto_scale_tril": np.sqrt(0.5) * np.eye(3)}
        return in_numpyro, AutoMultivariateNormal(in_numpyro), exact
    guide: Any = autoguide.AutoMultivariateNormal(in_pyro)
    guide(torch.tensor(X))
    guide.loc = torch.nn.Parameter(torch.tensor(X / 2))
    guide.scale = torch.full((3,), 0.5**0.5)
    guide.scale_tril = torch.eye(3)
    return in_pyro, guide, None


@pytest.mark.parametrize("objective", SINGLE, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_the_exact_posterior_in_one_vector_reaches_the_evidence(engine, objective):
    model, guide, params = packed(engine)
    assert value(objective, engine, model, guide, params) == pytest.approx(EVIDENCE, abs=1e-5)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_weights_per_datum_are_refused_by_name(engine):
    model, guide, params = packed(engine)
    with pytest.raises(ObjectiveError, match=r"'z'.* for all data at once.*RLOO"):
        value(IWAE(num_particles=2), engine, model, guide, params)


def outside(shape: tuple[int, ...]) -> Any:
    def guide(x):
        pyro.sample("z", pdist.Normal(torch.zeros(shape), 1.0).to_event(len(shape)))

    return guide


def test_values_of_another_number_are_refused():
    assert np.isfinite(value(ELBO(), "pyro", in_pyro, outside((3,))))
    with pytest.raises(PairError, match="'z'"):
        value(ELBO(), "pyro", in_pyro, outside(()))


def test_a_draw_outside_of_a_plate_that_scales_is_refused():
    def model(x):
        with pyro.plate("data", 30, subsample_size=len(x)):
            z = pyro.sample("z", pdist.Normal(0.0, 1.0))
            pyro.sample("x", pdist.Normal(z, 1.0), obs=x)

    with pytest.raises(PairError, match="'z' in plate 'data', which takes 3 rows of 30"):
        value(ELBO(), "pyro", model, outside((3,)))


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_what_a_guide_observes_is_no_part_of_log_q_and_its_factor_is(engine):
    lib, dist, array, model = {
        "pyro": (pyro, pdist, torch.tensor, in_pyro),
        "numpyro": (numpyro, ndist, jnp.array, in_numpyro),
    }[engine]

    def guide(x, observes=False, factor=0.0):
        with lib.plate("data", len(x)):
            lib.sample("z", dist.Normal(x / 2, 0.5**0.5))
            if observes:
                aside = {"is_auxiliary": True}
                lib.sample("treated", dist.Normal(0.0, 1.0), obs=x, infer=aside)
        if factor:
            kind = {"has_rsample": False} if engine == "pyro" else {}
            lib.factor("momentum", array(factor), **kind)

    plain = ELBO(analytic_kl=False)
    seeing = value(plain, engine, model, lambda x: guide(x, observes=True))
    assert seeing == pytest.approx(EVIDENCE, abs=1e-5)
    weighing = value(plain, engine, model, lambda x: guide(x, factor=1.5))
    assert weighing == pytest.approx(EVIDENCE - 1.5, abs=1e-5)
    pair = model, lambda x: guide(x, observes=True)
    found = log_likelihood(pair, X, num_particles=2, engine=engine)
    assert found.per_datum.sum() == pytest.approx(EVIDENCE, abs=1e-5)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_factor_beside_draws_steers_training_and_is_no_part_of_log_q(engine):
    """As the loss of a classifier in the guide of a semi-supervised model."""
    lib, dist, model = {
        "pyro": (pyro, pdist, in_pyro),
        "numpyro": (numpyro, ndist, in_numpyro),
    }[engine]

    def guide(x):
        with lib.plate("data", len(x)):
            lib.sample("z", dist.Normal(x / 2, 0.5**0.5))
            kind = {"has_rsample": False} if engine == "pyro" else {}
            lib.factor("classifier", 0 * x + 0.7, **kind)

    steered = value(ELBO(analytic_kl=False), engine, model, guide)
    assert steered == pytest.approx(EVIDENCE - 0.7 * len(X), abs=1e-5)
    found = log_likelihood((model, guide), X, num_particles=2, engine=engine)
    assert found.per_datum.sum() == pytest.approx(EVIDENCE, abs=1e-5)
    validity = valid_objectives((model, guide), X, engine=engine)
    assert {"ELBO", "IWAE", "RLOO"} <= set(validity.valid)
    for name in ("STL", "DReG", "RWS", "WakeSleep", "TVO", "SUMO"):
        assert "'classifier' is none" in validity.refused[name]


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_guide_with_a_plate_of_all_rows_is_evaluated_on_all(engine):
    """It keeps the plate of its first run, where a plain guide opens one of the rows that come."""
    if engine == "pyro":
        at = autoguide.init_to_value(values={"z": torch.tensor(X / 2)})
        guide = autoguide.AutoNormal(in_pyro, init_loc_fn=at, init_scale=0.5**0.5)
        pair = fit((in_pyro, guide), [(X,)], steps=1, learning_rate=1e-9, progress=False).pair
    else:
        at = numpyro.infer.init_to_value(values={"z": X / 2})
        guide = numpyro.infer.autoguide.AutoNormal(in_numpyro, init_loc_fn=at, init_scale=0.5**0.5)
        pair = fit((in_numpyro, guide), [(X,)], steps=1, learning_rate=1e-9, progress=False).pair
    found = log_likelihood(pair, X, num_particles=2)
    assert found.per_datum.sum() == pytest.approx(EVIDENCE, abs=1e-4)
    parts = bound_parts(pair, X, num_particles=500)  # a mean of draws, deviation 0.06
    assert parts.elbo.per_datum.sum() == pytest.approx(EVIDENCE, abs=0.3)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_points_have_no_score(engine):
    model = in_pyro if engine == "pyro" else in_numpyro
    guide = autoguide.AutoDelta(model) if engine == "pyro" else AutoDelta(model)
    refused = valid_objectives((model, guide), X, engine=engine).refused
    assert "'z' is a point" in refused["WakeSleep"]
    assert "'z' is a point" in refused["RWS"]


def test_upstreams_losses_train_what_they_train():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pdist.Normal(0.0, 1.0))
            pyro.sample("x", pdist.Normal(z + pyro.param("shift", torch.tensor(0.0)), 1.0), obs=x)

    loss = Trace_ELBO()
    with pytest.warns(UserWarning, match="trains on, but the guide has no site .* 'z'"):
        run = fit((model, lambda x: None), X, objective=loss, steps=1, progress=False)
    assert run.status == "finished"


def generators(engine: str, *, returned: bool) -> Any:
    """x = 2 z with z ~ N(0, 1): with noise of scale 1 around it, x ~ N(0, 5)."""
    if engine == "pyro":

        def model(x=None, *, size=1):
            with pyro.plate("rows", size if x is None else len(x)):
                z = pyro.sample("z", pdist.Normal(torch.zeros(1), 1.0).to_event(1))
                slope = pyro.param("slope", torch.tensor(2.0))
                draw = pyro.deterministic("draw", slope * z, event_dim=1)
            return draw if returned else None

        def guide(x):
            with pyro.plate("rows", len(x)):
                pyro.sample("z", pdist.Normal(torch.zeros(1), 1.0).to_event(1))

        return model, guide

    def other(x=None, *, size=1):
        with numpyro.plate("rows", size if x is None else len(x)):
            z = sample("z", ndist.Normal(jnp.zeros(1), 1.0).to_event(1))
            draw = numpyro.deterministic("draw", param("slope", 2.0) * z)
        return draw if returned else None

    def its_guide(x):
        with numpyro.plate("rows", len(x)):
            sample("z", ndist.Normal(jnp.zeros(1), 1.0).to_event(1))

    return other, its_guide


@pytest.mark.parametrize("returned", [True, False])
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_generator_draws_what_it_returns_or_computes(engine, returned):
    pair, rows = generators(engine, returned=returned), X[:, None]
    settings = {"engine": engine, "progress": False}
    run = fit(pair, rows, objective=MMD(), steps=2, **settings)
    assert run.parameters["slope"] != 2.0
    exact = -0.5 * rows**2 / 5 - 0.5 * np.log(2 * np.pi * 5)
    found = annealed_importance_sampling(
        pair, rows, noise_scale=1.0, num_chains=100, num_temperatures=30, engine=engine
    )
    np.testing.assert_allclose(found.per_datum, exact[:, 0], atol=0.1)
    with pytest.raises(ObjectiveError, match="observes no site"):
        fit(pair, rows, objective=ELBO(), steps=2, **settings)
    with pytest.raises(ObjectiveError, match="observes no site"):
        log_likelihood(pair, rows, engine=engine)


def masked_mixture(engine: str) -> tuple[Any, Any]:
    """A component for each row; rows that are masked have none, and no datum."""
    keep = X > 0
    masks: Any = torch.tensor(keep)
    if engine == "pyro":

        def model(x):
            with pyro.plate("data", len(x)), poutine.mask(mask=masks):
                z = pyro.sample("z", pdist.Bernoulli(0.3))
                pyro.sample("x", pdist.Normal(z, 1.0), obs=x)

        return model, lambda x: None

    def other(x):
        with numpyro.plate("data", len(x)), mask(mask=jnp.array(keep)):
            z = sample("z", ndist.Bernoulli(0.3))
            sample("x", ndist.Normal(z, 1.0), obs=x)

    return other, lambda x: None


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_masked_latent_is_summed_to_one(engine):
    kept = X[X > 0]
    density = 0.7 * np.exp(-0.5 * kept**2) + 0.3 * np.exp(-0.5 * (kept - 1) ** 2)
    exact = (np.log(density) - 0.5 * np.log(2 * np.pi)).sum()
    found = value(Enumerated(), engine, *masked_mixture(engine))
    assert found == pytest.approx(exact, abs=1e-5)


def test_states_of_a_chain_inside_of_a_scan_are_summed():
    """Against all 8 paths of three steps."""
    change, emit = np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([-1.0, 1.0])

    def model(x):
        def step(before, now):
            with numpyro.plate("chains", 1):
                z = sample("z", ndist.Categorical(jnp.array(change)[before]))
                sample("x", ndist.Normal(jnp.array(emit)[z], 1.0), obs=now)
            return z, None

        numpyro.contrib.control_flow.scan(step, jnp.zeros(1, int), x[:, None])

    alpha = np.array([1.0, 0.0])
    for each in X:
        alpha = alpha @ change * np.exp(-0.5 * (each - emit) ** 2) / np.sqrt(2 * np.pi)
    found = value(Enumerated(), "numpyro", model, lambda x: None)
    assert found == pytest.approx(np.log(alpha.sum()), abs=1e-5)
