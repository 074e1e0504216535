"""Closed forms of KL(q || p): every one that is taken equals the sampled divergence."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from numpyro import handlers
from pyro import poutine
from rows import ENGINES

from inference.engines.numpyro import divergences as on_numpyro
from inference.engines.pyro import divergences as on_pyro
from inference.objectives import ELBO

DRAWS = 20_000
FAILURE_RATE = 1e-5  # of the whole list, with other seeds than these
each_engine = pytest.mark.parametrize("engine", ENGINES)

LOC, OTHER = [0.3, -1.0], [0.0, 0.4]
COVARIANCE, LARGER = [[1.0, 0.3], [0.3, 2.0]], [[2.0, -0.4], [-0.4, 3.0]]
FACTORS = [[0.5], [0.2]], [[0.1], [0.9]]
PARAMETERS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "Normal": (([0.3, -1.0], [0.5, 1.2]), ([0.0, 0.4], [1.0, 2.0])),
    "LogNormal": ((0.5, 0.7), (-0.2, 1.4)),
    "HalfNormal": ((0.7,), (1.4,)),
    "Laplace": ((0.5, 0.7), (-0.2, 1.4)),
    "Cauchy": ((0.2, 0.7), (0.0, 1.0)),
    "Gumbel": ((0.2, 0.7), (0.0, 1.0)),
    "Exponential": ((2.0,), (0.7,)),
    "Gamma": ((2.0, 3.0), (1.5, 1.0)),
    "Weibull": ((2.0, 1.3), (1.0, 1.0)),
    "Beta": (([2.0, 0.7], [3.0, 1.0]), ([1.5, 1.0], [1.0, 1.2])),
    "Dirichlet": (([2.0, 3.0, 1.0],), ([1.0, 1.0, 2.0],)),
    "Pareto": ((2.0, 3.0), (1.0, 2.0)),
    "Uniform": ((0.2, 0.7), (0.0, 1.0)),
    "MultivariateNormal": ((LOC, COVARIANCE), (OTHER, LARGER)),
    "LowRankMultivariateNormal": (
        (LOC, FACTORS[0], [0.5, 1.0]),
        (OTHER, FACTORS[1], [1.0, 1.7]),
    ),
    "Bernoulli": (([0.3, 0.9],), ([0.6, 0.5],)),
    "Categorical": (([0.2, 0.3, 0.5],), ([0.6, 0.3, 0.1],)),
    "CategoricalProbs": (([0.2, 0.3, 0.5],), ([0.6, 0.3, 0.1],)),
    "OneHotCategorical": (([0.2, 0.3, 0.5],), ([0.6, 0.3, 0.1],)),
    "Binomial": ((5, 0.3), (5, 0.6)),
    "Geometric": ((0.3,), (0.6,)),
    "Poisson": ((3.0,), (2.0,)),
}


def family(engine: str, name: str, side: int) -> Any:
    values = PARAMETERS[name][side]
    if engine == "pyro":
        return getattr(pdist, name)(*(v if isinstance(v, int) else torch.tensor(v) for v in values))
    arrays = (jnp.asarray(value) for value in values)
    return getattr(ndist, name)(*arrays)


def known(engine: str, q: Any, p: Any, seed: int = 0) -> Any:
    if engine == "pyro":
        return on_pyro.closed_form(q, p)
    return on_numpyro.closed_form(q, p, q.sample(jax.random.PRNGKey(seed)))


def ratios(engine: str, q: Any, p: Any, seed: int) -> np.ndarray:
    """log q - log p of draws of q, one row each."""
    if engine == "pyro":
        torch.manual_seed(seed)
        z = q.sample((DRAWS,))
    else:
        z = q.sample(jax.random.PRNGKey(seed), (DRAWS,))
    return np.asarray(q.log_prob(z) - p.log_prob(z), dtype=np.float64)


def checked(engine: str) -> list[tuple[str, str]]:
    listed = (on_pyro if engine == "pyro" else on_numpyro).CHECKED
    return [(ours.__name__, theirs.__name__) for ours, theirs in listed]


EVERY = [(engine, *names) for engine in ENGINES for names in checked(engine)]


def sampled_alike(engine: str, q: Any, p: Any, seed: int) -> None:
    """The closed form lies within the error of a mean of 20,000 draws."""
    exact = np.asarray(known(engine, q, p, seed), dtype=np.float64)
    each = ratios(engine, q, p, seed)
    assert exact.shape == each.shape[1:] == tuple(q.batch_shape)
    tests = 3 * len(EVERY)  # at most three elements a case
    bound = math.sqrt(2 * math.log(2 * tests / FAILURE_RATE))  # of a normal's tail
    error = each.std(0) / math.sqrt(DRAWS)
    np.testing.assert_array_less(abs(exact - each.mean(0)), bound * error + 1e-5)


@pytest.mark.parametrize(("engine", "ours", "theirs"), EVERY)
def test_closed_form_is_the_sampled_divergence(engine: str, ours: str, theirs: str) -> None:
    sampled_alike(engine, family(engine, ours, 0), family(engine, theirs, 1), seed=1)


@pytest.mark.parametrize("name", ["Normal", "Gamma", "Weibull", "Beta", "Dirichlet"])
def test_parameters_that_a_law_does_not_allow_have_no_divergence(name: str) -> None:
    """Pyro refuses to make such a law; NumPyro's formulas gave a number for a scale of -1."""
    q = family("numpyro", name, 0)
    last = list(type(q).arg_constraints)[-1]
    setattr(q, last, -getattr(q, last))
    p = family("numpyro", "Gamma" if name == "Weibull" else name, 1)
    assert np.isnan(known("numpyro", q, p)).all()


@each_engine
def test_what_is_not_listed_is_sampled(engine: str) -> None:
    """Whatever upstream has a formula for, among all pairs of these families."""
    present = pdist if engine == "pyro" else ndist
    names = [name for name in PARAMETERS if hasattr(present, name)]
    listed = checked(engine)
    for ours in names:
        for theirs in names:
            q, p = family(engine, ours, 0), family(engine, theirs, 1)
            pair = (type(q).__name__, type(p).__name__)
            assert (known(engine, q, p) is not None) == (pair in listed), pair


class Shifted:
    """A Normal whose density is another than its parent's."""

    def log_prob(self, value: Any, *rest: Any) -> Any:
        return super().log_prob(value - 1.0, *rest)  # pyright: ignore[reportAttributeAccessIssue]


@each_engine
def test_laws_whose_formula_upstream_has_and_which_is_not_theirs_are_sampled(engine: str) -> None:
    if engine == "pyro":
        one, zero = torch.tensor(1.0), torch.tensor(0.0)
        shifted = type("Shifted", (Shifted, pdist.Normal), {})
        odd = [
            (pdist.FoldedDistribution(pdist.Normal(one, one)),) * 2,
            (shifted(one, one), pdist.Normal(zero, one)),
            (pdist.Normal(zero, one), shifted(one, one)),
            (pdist.Chi2(one), pdist.Gamma(one, one)),
        ]
    else:
        one, zero = jnp.ones(()), jnp.zeros(())
        shifted = type("Shifted", (Shifted, ndist.Normal), {})
        odd = [
            (ndist.Kumaraswamy(one, one), ndist.Beta(one, 5.0 * one)),
            (shifted(one, one), ndist.Normal(zero, one)),
            (ndist.Normal(zero, one), shifted(one, one)),
            (ndist.TruncatedNormal(zero, one, low=0.0), ndist.TruncatedNormal(zero, one, low=0.0)),
        ]
    for q, p in odd:
        assert known(engine, q, p) is None, type(q)


@each_engine
def test_wrapped_laws(engine: str) -> None:
    """Expanded, made an event, and a Normal per dimension against a multivariate one."""
    w = words(engine)
    q = w.d.Normal(w.array([0.3, -1.0]), w.array([0.5, 1.2]))
    p = w.d.Normal(w.array(0.2), w.array(1.2))
    for ours, theirs in [
        (q.to_event(1), p.expand([2]).to_event(1)),
        (q.expand([3, 2]).to_event(1), p.expand([3, 2]).to_event(1)),
        (p.expand([2]), q),
        (q.to_event(1).expand([3]), q.to_event(1).expand([3])),
    ]:
        sampled_alike(engine, ours, theirs, seed=2)
    if engine == "pyro":
        ours = family(engine, "Normal", 0).to_event(1)
        sampled_alike(engine, ours, family(engine, "MultivariateNormal", 1), seed=3)


X = np.array([0.4, -1.3, 2.2], dtype=np.float32)
EVIDENCE = float((-0.25 * X**2 - 0.5 * math.log(4 * math.pi)).sum())  # of N(0, 2)


def elbo(engine: str, model: Any, guide: Any, objective: ELBO, seed: int = 0) -> float:
    if engine == "pyro":
        torch.manual_seed(seed)
        with pyro.get_param_store().scope():
            return -float(objective(model, guide, torch.tensor(X)))
    key = jax.random.PRNGKey(seed)
    return -float(objective.loss(key, {}, model, guide, jnp.asarray(X)))


def words(engine: str) -> Any:
    if engine == "pyro":
        return SimpleNamespace(
            d=pdist, sample=pyro.sample, plate=pyro.plate, mask=poutine.mask, scale=poutine.scale,
            array=torch.tensor, exp=torch.exp, log=torch.log,
        )  # fmt: skip
    return SimpleNamespace(
        d=ndist, sample=numpyro.sample, plate=numpyro.plate, mask=handlers.mask,
        scale=handlers.scale, array=jnp.asarray, exp=jnp.exp, log=jnp.log,
    )  # fmt: skip


@each_engine
@pytest.mark.parametrize("kind", ["auto", False])
def test_a_delta_with_a_density_keeps_it(engine: str, kind: Any) -> None:
    """As autoguides write a constrained latent. The guide is the posterior: no draw matters."""
    w = words(engine)

    def model(x: Any) -> None:
        with w.plate("data", len(x)):
            u = w.sample("u", w.d.LogNormal(w.array(0.0), w.array(1.0)))
            w.sample("x", w.d.Normal(w.log(u), 1.0), obs=x)

    def guide(x: Any) -> None:
        with w.plate("data", len(x)):
            spread = w.array(math.sqrt(0.5))
            free = w.sample("free", w.d.Normal(x / 2, spread), infer={"is_auxiliary": True})
            w.sample("u", w.d.Delta(w.exp(free), log_density=-free))

    assert elbo(engine, model, guide, ELBO(analytic_kl=kind)) == pytest.approx(EVIDENCE, abs=1e-4)


@each_engine
@pytest.mark.parametrize("kind", ["handler", "distribution", "both", "scale"])
def test_sides_that_count_other_elements_are_not_merged(engine: str, kind: str) -> None:
    """E[log q] - m E[log p] with m on the model's side alone, against numbers worked out here."""
    w = words(engine)
    keep = np.array([True, False, True])
    factor = keep.astype(np.float32) if kind != "scale" else np.full(3, 0.25, np.float32)

    def latent(scaled: bool) -> None:
        fn = w.d.Normal(w.array(np.float32(0.0 if scaled else 0.5)), 1.0).expand([3])
        if kind == "both":  # a mask that keeps everything on the guide's side
            w.sample("z", fn.mask(w.array(keep if scaled else np.ones(3, bool))))
        elif not scaled:
            w.sample("z", fn)
        elif kind == "distribution":
            w.sample("z", fn.mask(w.array(keep)))
        elif kind == "handler":
            with w.mask(mask=w.array(keep)):
                w.sample("z", fn)
        else:
            with w.scale(scale=0.25):
                w.sample("z", fn)

    def model(x: Any) -> None:
        with w.plate("data", len(x)):
            latent(scaled=True)
            w.sample("x", w.d.Normal(w.array(np.zeros(3, np.float32)), 1.0), obs=x)

    def guide(x: Any) -> None:
        with w.plate("data", len(x)):
            latent(scaled=False)

    log_q, log_p = -0.5 * math.log(2 * math.pi) - 0.5, -0.5 * math.log(2 * math.pi) - 0.5 * 1.25
    fit = -0.5 * float((X**2).sum()) - 1.5 * math.log(2 * math.pi)
    truth = fit + float(factor.sum()) * log_p - 3 * log_q
    count = 4_000
    value = elbo(engine, model, guide, ELBO(count))
    # Each element's log q - m log p has a variance below 1: six errors are 2e-9 and less.
    assert value == pytest.approx(truth, abs=6 * math.sqrt(3 / count))
