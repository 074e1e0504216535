"""The Bayesian mixture against its closed form, coordinate ascent and NUTS."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy import stats
from scipy.special import softmax

from inference import ELBO, NUTS, Enumerated, fit, posterior_error
from inference.engines import load_engine
from ppl_models import create
from ppl_models.classical import MeanField, MixturePrior, mixture_coordinate_ascent

PRIOR = MixturePrior(concentration=0.7, prior_scale=2.5, shape=1.5, rate=0.8)
SETTINGS: dict[str, Any] = vars(PRIOR)
CENTRES = np.array([[-2.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
RANDOM = np.random.default_rng(0)
X = np.concatenate([c + 0.5 * RANDOM.normal(size=(30, 2)) for c in CENTRES]).astype(np.float32)


def pair(engine: str, **more: Any) -> Any:
    return create(
        "bayesian_mixture", engine=engine, components=3, means=X[::30], **SETTINGS, **more
    )


def ascended() -> MeanField:
    start = MeanField.of(pair("numpyro").get_weights())
    return mixture_coordinate_ascent(X, start, PRIOR, sweeps=40)


@pytest.mark.parametrize("objective", [ELBO(10), Enumerated()], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_is_the_closed_form(engine: str, objective: Any) -> None:
    """Away from the optimum; 100 values, five standard errors: fails once in 100,000 runs."""
    moved = pair(engine)
    away = np.random.default_rng(1)
    weights = {
        name: value + 0.3 * away.normal(size=value.shape).astype(np.float32)
        for name, value in moved.get_weights().items()
    }
    moved.set_weights(weights)
    _, losses = load_engine(engine).gradients(moved, objective, (X,), 100)
    error = losses.std(ddof=1) / len(losses) ** 0.5
    assert abs(-losses.mean() - MeanField.of(weights).bound(X, PRIOR)) < 5 * error
    assert error < 6  # nats of all data, of which the bound without its priors lacks 40


@pytest.mark.parametrize("engine", ENGINES)
def test_responsibilities_are_those_of_expected_densities(engine: str) -> None:
    """E log pi_k + E log N(x; mu_k, 1 / tau_k) under the guide, each expectation by quadrature."""
    moved = pair(engine)
    away = np.random.default_rng(2)
    moved.set_weights(
        {n: v + 0.5 * away.normal(size=v.shape).astype("f") for n, v in moved.get_weights().items()}
    )
    guide, rows = MeanField.of(moved.get_weights()), X[:40:8].astype(np.float64)
    total = guide.concentrations.sum()
    log_pi = [stats.beta(a, total - a).expect(np.log) for a in guide.concentrations]
    laws = [
        stats.gamma(a, scale=1 / b)
        for a, b in zip(guide.shapes.flat, guide.rates.flat, strict=True)
    ]
    log_tau, tau = (
        np.array([float(law.expect(each)) for law in laws]).reshape(guide.shapes.shape)
        for each in (np.log, lambda value: value)
    )
    missed = (rows[:, None] - guide.locs) ** 2 + guide.scales**2
    expected = softmax(log_pi + 0.5 * (log_tau - tau * missed).sum(-1), axis=1)
    given = torch.tensor(X[:40:8]) if engine == "pyro" else jnp.asarray(X[:40:8])
    found = moved.responsibilities(given)
    found = found.detach().numpy() if engine == "pyro" else np.asarray(found)
    np.testing.assert_allclose(softmax(found, axis=1), expected, atol=1e-4)


def test_coordinate_ascent_never_falls_and_ends_where_the_bound_is_flat() -> None:
    found = ascended()
    assert np.diff(found.history).min() > -1e-9
    assert found.history[-1] - found.history[0] > 10
    for name in ("locs", "concentrations", "scales", "shapes", "rates"):
        for step in (-0.05, 0.05):
            moved = MeanField(**{**vars(found), name: getattr(found, name) * (1 + step)})
            assert moved.bound(X, PRIOR) < found.history[-1], name


def test_svi_ends_where_coordinate_ascent_does() -> None:
    """Within one nat of all data; a minibatch without its weight would be tens of nats off."""
    start = pair("numpyro", data_size=len(X))
    run = fit(
        start, X, objective=ELBO(5), batch_size=30, steps=1500, seed=0, progress=False,
        learning_rate=0.02,
    )  # fmt: skip
    found = MeanField.of(run.pair.get_weights())
    best = ascended()
    assert -1 < found.bound(X, PRIOR) - best.history[-1] < 1e-6
    np.testing.assert_allclose(found.concentrations, best.concentrations, rtol=0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_minibatch_stands_for_all_rows(engine: str) -> None:
    """A third of the rows counts three times, the priors once; five standard errors."""
    best = ascended()
    part = pair(engine, data_size=len(X))
    part.set_weights(best.weights)
    _, losses = load_engine(engine).gradients(part, ELBO(20), (X[::3],), 60)
    error = losses.std(ddof=1) / 60**0.5
    of_priors = best.bound(np.zeros((0, 2)), PRIOR)
    want = 3 * (best.bound(X[::3], PRIOR) - of_priors) + of_priors
    assert abs(-losses.mean() - want) < 5 * error
    assert error < 1
    with pytest.raises(ValueError, match="x has 90 rows, but data_size=30"):
        load_engine(engine).structure(pair(engine, data_size=30), (X,))


def test_mean_field_means_are_those_of_nuts_and_its_widths_are_not_wider() -> None:
    """Classes far apart, in which mean field is nearly exact; chains are relabelled by place."""
    best = pair("numpyro")
    best.set_weights(ascended().weights)
    chains = NUTS(num_warmup=150, num_samples=150).sample(best, X)
    draws = {name: np.asarray(v).reshape(-1, *v.shape[2:]) for name, v in chains.draws.items()}
    order = np.argsort(draws["means"][..., 0], axis=1)
    ours = np.argsort(best.get_weights()["locs"][:, 0])
    back = np.argsort(ours)
    sorted_draws = {
        name: np.take_along_axis(v, order.reshape(*order.shape, *(1,) * (v.ndim - 2)), 1)[:, back]
        for name, v in draws.items()
        if name != "z"
    }
    sites: Any = posterior_error(best, sorted_draws, X).sites
    assert (sites["mean_error"] < 0.35).all()
    assert (abs(sites["log_sd_ratio"]) < 0.3).all()
