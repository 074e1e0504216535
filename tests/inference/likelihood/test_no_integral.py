"""What is weighed against data and has no weight: points of the guide, priors without an integral.

Log p(x, z) at a point, or under a flat prior, may be above log p(x) by any number: it depends on
the unit in which the latent is measured.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from plated import Words

from inference import (
    bound_parts,
    fit,
    log_likelihood,
    psis_k_hat,
    valid_objectives,
)
from inference.engines import ENGINES
from inference.errors import ObjectiveError

X = np.random.default_rng(0).normal(size=(6, 1)).astype(np.float32)
NOISE = 0.1


def exact(prior: float = 1.0) -> Any:
    variance = prior + NOISE**2
    return (-0.5 * (X**2 / variance + np.log(2 * np.pi * variance))).mean()


def gaussian(engine: str, prior: str = "normal", guide: str = "normal", *, sees: str = "x") -> Any:
    """z_n ~ N(0, 1),  x_n ~ N(z_n, 0.01), with priors and guides of several kinds."""
    words = Words(engine)

    def law(rows: int) -> Any:
        normal = words.dist.Normal(words.array(np.zeros(rows)), 1.0)
        if prior == "improper":
            return words.dist.ImproperUniform(words.dist.constraints.real, (rows,), ())
        return normal.mask(False) if prior == "masked" else normal

    def model(x: Any = None, *, size: int = 1) -> Any:
        rows = size if x is None else len(x)
        with words.plate("data", rows):
            z = words.sample("z", law(rows))
            if sees == "z too":
                words.sample("scored", words.dist.Normal(words.array(np.zeros(rows)), 1.0), obs=z)
            seen = x if x is None or sees != "2 x / 2" else 2 * x / 2
            words.sample("x", words.dist.Normal(z[..., None], NOISE).to_event(1), obs=seen)
        return z[..., None]

    def by_hand(x: Any) -> None:
        mean = x[..., 0] / (1 + NOISE**2)
        with words.plate("data", len(x)):
            point = guide == "point"
            best = words.array(NOISE / (1 + NOISE**2) ** 0.5)
            scale = words.library.param("scale", best)
            words.sample("z", words.dist.Delta(mean) if point else words.dist.Normal(mean, scale))

    autoguides: Any = importlib.import_module(f"{engine}.infer.autoguide")
    own = getattr(autoguides, guide)(model) if guide.startswith("Auto") else by_hand
    return model, own


@pytest.fixture(autouse=True)
def _own_store() -> Any:
    import pyro

    with pyro.get_param_store().scope():
        yield


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("guide", ["point", "AutoDelta"])
def test_a_point_of_the_guide_has_no_weight(guide: str, engine: str) -> None:
    """At the posterior's mean log p(x, z) is 1.39 nats above log p(x), which was reported."""
    pair = gaussian(engine, guide=guide)
    for ask in (log_likelihood, psis_k_hat):
        with pytest.raises(ObjectiveError, match=r"guide's 'z' is one value \(Delta\).*AutoNormal"):
            ask(pair, X, num_particles=100)
    assert "ELBO" in valid_objectives(pair, X).valid  # which then finds the best point
    if guide == "point":
        assert bound_parts(pair, X).elbo.mean > exact() + 1
    found = log_likelihood(gaussian(engine), X, num_particles=2)
    np.testing.assert_allclose(found.mean, exact(), atol=1e-4)  # this guide is the posterior


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("prior", "said"), [("improper", "improper"), ("masked", "masked away")])
def test_a_prior_without_an_integral_has_no_likelihood(prior: str, said: str, engine: str) -> None:
    """It was reported as 0 nats, that of any x: the integral of N(x; z, 0.01) over z."""
    pair = gaussian(engine, prior=prior)
    with pytest.raises(ObjectiveError, match=rf"prior of latent 'z' is {said}.*ELBO\(\)"):
        log_likelihood(pair, X, num_particles=10)
    found = valid_objectives(pair, X)
    assert {"ELBO", "IWAE"} <= set(found.valid)  # a flat prior is a way to train
    if prior == "improper":
        for name in ("WakeSleep", "MMD", "InfoVAE", "Adversarial"):
            assert "'z' is improper (ImproperUniform)" in found.refused[name]
    run = fit(pair, X, objective="elbo", steps=2, seed=0, progress=False)
    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_observed_gives_a_prior_its_density_where_it_is_the_latent(engine: str) -> None:
    """And not where it is made of the data alone, of which a likelihood was reported."""
    pair = gaussian(engine, prior="masked", sees="2 x / 2")
    with pytest.raises(ObjectiveError, match=r"prior of latent 'z' is masked away"):
        log_likelihood(pair, X, num_particles=10)
    pair = gaussian(engine, prior="masked", sees="z too")
    np.testing.assert_allclose(log_likelihood(pair, X, num_particles=2).mean, exact(), atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_evaluation_leaves_an_autoguide_as_it_is(engine: str) -> None:
    """It was made for the first two rows: this and all that followed failed on any others.

    A mean of positive weights is above e^12 times its expectation once in 160,000 times at most.
    """
    pair = gaussian(engine, guide="AutoNormal")
    best = log_likelihood(gaussian(engine), X, num_particles=2).per_datum
    for rows in (X, X[:4], X):
        found = log_likelihood(pair, rows, num_particles=500)
        assert found.per_datum.shape == (len(rows),)
        assert (found.per_datum < best[: len(rows)] + 12).all()
        assert bound_parts(pair, rows).elbo.per_datum.shape == (len(rows),)
        assert pair[1].prototype_trace is None


def test_an_evaluation_leaves_nothing_in_the_store_of_pyro() -> None:
    import pyro
    import torch

    model, guide = gaussian("pyro")

    def learnt(x: Any) -> None:
        pyro.param("unused", torch.randn(()))
        guide(x)

    log_likelihood((model, learnt), X, num_particles=2)
    assert not list(pyro.get_param_store().keys())
    pyro.param("unused", torch.tensor(3.0))
    log_likelihood((model, learnt), X, num_particles=2)
    assert pyro.param("unused").item() == 3.0
