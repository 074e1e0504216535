"""The exact expectations against plain simulation, enumeration and closed forms.

Simulated means must lie within five standard errors of the exact ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import numpyro
import pyro
import pytest
from jax import random as jax_random
from numpy.typing import NDArray
from pyro import poutine
from rows import ENGINES
from scipy.special import expit, log_softmax
from scipy.stats import multivariate_normal, norm
from scoring import log_densities

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import CASES, Case
from inference.estimators.certificate.quadrature import score
from inference.estimators.certificate.relaxations import concrete
from inference.estimators.certificate.sites import Arrays

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
discrete = pytest.mark.parametrize("name", ["bernoulli", "categorical", "integer"])
relaxable = pytest.mark.parametrize("name", ["bernoulli", "categorical", "mixed"])


@pytest.fixture(autouse=True)
def _empty_param_store() -> Iterator[None]:
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


class Draws:
    """Draws of the guide at fixed noise, (S, K, N, ...), which follow the parameters if asked."""

    def __init__(self, case: Case, x: NDArray[Any], repeats: int, particles: int) -> None:
        self.case, self.x = case, x
        random = np.random.default_rng(11)
        shape = (repeats, particles, len(x))
        self.uniform = {s.name: random.uniform(size=(*shape, s.size)) for s in case.guide}
        self.normal = {s.name: random.normal(size=(*shape, s.size)) for s in case.guide}
        self.values = self.at(case.values)

    def at(self, values: Arrays) -> Arrays:
        """The draws of other parameters; discrete ones as at first."""
        known: Arrays = {"x": self.x}
        for site in self.case.guide:
            parameters = site.parameters(values, known)
            if site.kind == "normal":
                loc, log_scale = parameters
                known[site.name] = loc + np.exp(log_scale) * self.normal[site.name]
            elif hasattr(self, "values"):
                known[site.name] = self.values[site.name]
            elif site.kind == "bernoulli":
                known[site.name] = (self.uniform[site.name] < expit(parameters)).astype(float)
            else:
                chosen = (parameters + self.gumbel(site.name)).argmax(-1)
                known[site.name] = chosen if site.kind == "integer" else np.eye(site.size)[chosen]
        return known

    def relaxed(self, values: Arrays, temperature: float, hard: bool) -> Arrays:
        """Relaxed draws, or the hard ones of the case's parameters plus what relaxed ones moved."""
        known: Arrays = {"x": self.x}
        still: Arrays = {"x": self.x}  # forward values at the case's parameters
        for site in self.case.guide:
            old = site.parameters(self.case.values, still)
            new = site.parameters(values, known)
            if site.kind == "normal":
                eps = self.normal[site.name]
                still[site.name] = old[0] + np.exp(old[1]) * eps
                known[site.name] = new[0] + np.exp(new[1]) * eps
                continue
            if site.kind == "bernoulli":
                noise = np.log(self.uniform[site.name]) - np.log1p(-self.uniform[site.name])
                soft = [expit((logits + noise) / temperature) for logits in (old, new)]
                state = (old + noise > 0).astype(float)
            else:
                noise = self.gumbel(site.name)
                soft = [
                    np.exp(log_softmax((logits + noise) / temperature, axis=-1))
                    for logits in (old, new)
                ]
                state = np.eye(site.size)[(old + noise).argmax(-1)]
            still[site.name] = state if hard else soft[0]
            known[site.name] = state + soft[1] - soft[0] if hard else soft[1]
        return known

    def gumbel(self, name: str) -> NDArray[np.float64]:
        return -np.log(-np.log(self.uniform[name]))

    def log_q(self, values: Arrays, known: Arrays) -> NDArray[np.float64]:
        return score(self.case.guide, values, known)

    def log_w(self, values: Arrays, known: Arrays) -> NDArray[np.float64]:
        return score(self.case.model, values, known) - self.log_q(values, known)


def log_sum(values: NDArray[Any], *, axis: int, keepdims: bool = False) -> NDArray[np.float64]:
    return np.logaddexp.reduce(values, axis=axis, keepdims=keepdims)


def close(draws: NDArray[Any], expected: Any) -> bool:
    """Whether the mean over the first axis is within five standard errors."""
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    return bool(np.all(np.abs(draws.mean(0) - expected) <= 5 * error + 1e-9))


def slopes_close(
    fn: Callable[[Arrays], NDArray[Any]], values: Arrays, expected: Arrays, step: float = 1e-4
) -> bool:
    """Whether the mean slope of fn, (S,), by every expected parameter is the expected one."""
    for name, slope in expected.items():
        for index in np.ndindex(slope.shape):
            ends = []
            for move in (step, -step):
                moved = values[name].copy()
                moved[index] += move
                ends.append(fn({**values, name: moved}))
            if not close((ends[0] - ends[1]) / (2 * step), slope[index]):
                return False
    return True


def evidence(case: Case, x: NDArray[Any]) -> float:
    """log p(x) in closed form."""
    v = case.values
    if case.name == "reparameterised":
        variance = float((v["top_weight"] ** 2).item() + np.exp(2 * v["top_scale"]))
        mean = v["bias"] + v["weight"][:, 0] * v["top_bias"]
        covariance = variance * v["weight"] @ v["weight"].T + np.exp(2 * v["scale"]) * np.eye(2)
        return float(np.sum(multivariate_normal(mean, cast(Any, covariance)).logpdf(x)))
    if case.name == "mixed":
        spread = np.exp(2 * v["top_scale"]) * v["weight"].item() ** 2 + np.exp(2 * v["scale"])
        k = np.array([0.0, 1.0])
        z = k * v["top_weight"].item() + v["top_bias"]
        mean = z * v["weight"].item() + k * v["skip"].item() + v["bias"]
        prior = np.log([expit(-v["prior"].item()), expit(v["prior"].item())])
        return float(log_sum(prior + norm.logpdf(x, mean, spread**0.5), axis=1).sum())
    log_mass, log_w, _ = weights(case, x)
    return float(log_sum(log_mass + log_w, axis=1).sum())


def weights(case: Case, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], Arrays]:
    log_mass, z = case.nodes(case.values, x)
    return log_mass, case.log_p(case.values, x, z) - case.log_q(case.values, x, z), z


def largest(gradients: Arrays) -> float:
    return max(float(np.abs(slope).max()) for slope in gradients.values())


def largest_gap(left: Arrays, right: Arrays) -> float:
    assert left.keys() == right.keys()
    return largest({name: left[name] - right[name] for name in left})


@every_case
@pytest.mark.parametrize("engine", ENGINES)
def test_pairs_score_as_numpy_does(engine: str, case: Case) -> None:
    x = case.data(6)
    _, _, z = weights(case, x)
    pair = case.pair(engine, case.values)
    for node in range(0, next(iter(z.values())).shape[1], 97):
        whole = engine == "numpyro" and case.name == "categorical"  # a Multinomial is of integers
        at = {name: value[:, node] for name, value in z.items()}
        fixed = {n: a.astype(np.int32 if whole else np.float32) for n, a in at.items()}
        fixed = {n: at[n] if case.name == "integer" else a for n, a in fixed.items()}
        log_p, log_q = log_densities(pair, (x.astype(np.float32),), fixed)
        np.testing.assert_allclose(log_p, case.log_p(case.values, x, z)[:, node], rtol=1e-5)
        np.testing.assert_allclose(log_q, case.log_q(case.values, x, z)[:, node], rtol=1e-5)


@every_case
def test_pyro_pairs_take_particles_and_subsamples(case: Case) -> None:
    pair = case.pair("pyro", case.values, subsample=(case.data(6), 2))
    particles = pyro.plate("particles", 3, dim=-2)
    guide = poutine.trace(particles(pair.guide)).get_trace()
    model = poutine.trace(poutine.replay(particles(pair.model), trace=guide)).get_trace()
    for trace in (guide, model):
        trace.compute_log_prob()
        for name in {"x", *(site.name for site in case.guide)} & set(trace.nodes):
            assert trace.nodes[name]["log_prob"].shape == (3, 2)
            assert trace.nodes[name]["scale"] == 3


@every_case
def test_numpyro_pairs_take_subsamples(case: Case) -> None:
    pair = case.pair("numpyro", case.values, subsample=(case.data(6), 2))
    for function in (pair.model, pair.guide):
        seeded = numpyro.handlers.seed(function, jax_random.PRNGKey(0))
        trace = numpyro.handlers.trace(seeded).get_trace()
        sites = [site for site in trace.values() if site["type"] == "sample"]
        assert {site["scale"] for site in sites} == {3}
        assert {site["fn"].batch_shape for site in sites} == {(2,)}
        names = {name for name, site in trace.items() if site["type"] == "param"}
        guides = function is pair.guide
        assert names == (case.guide_names if guides else set(case.values) - case.guide_names)


@every_case
def test_one_draw_is_the_elbo(case: Case) -> None:
    x = case.data(5)
    elbo = exact.elbo(case, case.values, x)
    assert exact.iwae(case, case.values, x, 1) == pytest.approx(elbo, abs=1e-11)
    assert exact.renyi(case, case.values, x, 1.0, 7) == elbo


@every_case
def test_bounds_rise_to_the_evidence(case: Case) -> None:
    x = case.data(5)
    bounds = [exact.iwae(case, case.values, x, k) for k in (1, 2, 5, 20, 2000)]
    limit = evidence(case, x)
    assert np.all(np.diff([*bounds, limit]) > 0)
    assert bounds[-1] == pytest.approx(limit, abs=0.01)


@every_case
def test_renyi_interpolates(case: Case) -> None:
    x = case.data(5)
    iwae = exact.iwae(case, case.values, x, 5)
    near = [exact.renyi(case, case.values, x, alpha, 5) for alpha in (1e-6, 1 - 1e-6)]
    assert near[0] == pytest.approx(iwae, abs=1e-4)
    assert near[1] == pytest.approx(exact.elbo(case, case.values, x), abs=1e-4)


@discrete
@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_bounds_of_two_draws_by_enumeration(name: str, alpha: float) -> None:
    case = CASES[name]
    x = case.data(5)
    log_mass, log_w, _ = weights(case, x)
    total = 0.0
    for i, j in itertools.product(range(log_mass.shape[1]), repeat=2):
        bound = np.logaddexp((1 - alpha) * log_w[:, i], (1 - alpha) * log_w[:, j]) - np.log(2)
        total += (np.exp(log_mass[:, i] + log_mass[:, j]) * bound).sum() / (1 - alpha)
    assert exact.renyi(case, case.values, x, alpha, 2) == pytest.approx(total, abs=1e-10)


@every_case
@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0])
def test_bounds_by_simulation(case: Case, alpha: float) -> None:
    draws = Draws(case, case.data(3), 20_000, 5)
    log_w = (1 - alpha) * draws.log_w(case.values, draws.values)
    bounds = ((log_sum(log_w, axis=1) - np.log(5)) / (1 - alpha)).sum(1)
    assert close(bounds, exact.renyi(case, case.values, draws.x, alpha, 5))


@every_case
@pytest.mark.parametrize(("alpha", "k"), [(0.0, 1), (0.0, 5), (-1.0, 5), (0.5, 2), (1.0, 3)])
def test_the_slopes_of_renyis_bound_are_its_differences(case: Case, alpha: float, k: int) -> None:
    x = case.data(3)
    found = exact.renyi_gradient(case, case.values, x, alpha, k, sorted(case.values))
    differences = exact.gradient(lambda moved: exact.renyi(case, moved, x, alpha, k), case.values)
    assert largest_gap(found, differences) < 1e-7


def test_pathwise_gradient_by_simulation() -> None:
    case = CASES["reparameterised"]
    draws = Draws(case, case.data(2), 10_000, 5)

    def bound(moved: Arrays) -> NDArray[Any]:
        return log_sum(draws.log_w(moved, draws.at(moved)), axis=1).sum(1)

    expected = exact.gradient(lambda v: exact.iwae(case, v, draws.x, 5), case.values)
    assert slopes_close(bound, case.values, expected)


@discrete
def test_score_gradient_by_enumeration(name: str) -> None:
    """The ELBO's slope by the guide is E_q[log w grad log q]."""
    case = CASES[name]
    x = case.data(5)
    log_mass, log_w, z = weights(case, x)
    share = np.exp(log_mass) * log_w
    expected = exact.gradient(
        lambda v: float((share * case.log_q(v, x, z)).sum()), case.values, case.guide_names
    )
    found = exact.gradient(lambda v: exact.elbo(case, v, x), case.values, case.guide_names)
    assert largest_gap(found, expected) < 1e-7


@every_case
def test_wake_goes_from_zero_to_the_posterior(case: Case) -> None:
    x = case.data(5)
    assert largest(exact.wake_guide(case, case.values, x, 1)) < 1e-7
    posterior = exact.posterior_guide(case, case.values, x)
    gaps = [largest_gap(exact.wake_guide(case, case.values, x, k), posterior) for k in (20, 2000)]
    assert gaps[1] < 0.02 * gaps[0]
    assert gaps[1] < 2e-3 * largest(posterior)


@every_case
def test_wake_by_simulation(case: Case) -> None:
    draws = Draws(case, case.data(2), 20_000, 5)
    log_w = draws.log_w(case.values, draws.values)
    share = np.exp(log_w - log_sum(log_w, axis=1, keepdims=True))
    expected = exact.wake_guide(case, case.values, draws.x, 5)
    assert expected.keys() == case.guide_names
    assert slopes_close(
        lambda v: (share * draws.log_q(v, draws.values)).sum((1, 2)), case.values, expected
    )


@every_case
def test_sleep_by_simulation(case: Case) -> None:
    known: Arrays = {}
    random = np.random.default_rng(12)
    for site in case.model:
        parameters = site.parameters(case.values, known)
        if site.kind == "normal":
            eps = random.normal(size=(100_000, site.size))
            known[site.name] = parameters[0] + np.exp(parameters[1]) * eps
        elif site.kind == "bernoulli":
            uniform = random.uniform(size=(100_000, site.size))
            known[site.name] = (uniform < expit(parameters)).astype(float)
        else:
            chosen = (parameters + random.gumbel(size=(100_000, site.size))).argmax(-1)
            known[site.name] = chosen if site.kind == "integer" else np.eye(site.size)[chosen]
    expected = exact.sleep_guide(case, case.values)
    assert slopes_close(lambda v: score(case.guide, v, known), case.values, expected)


def chi_shares(log_w: NDArray[Any]) -> NDArray[Any]:
    return np.exp(2 * log_w - log_sum(2 * log_w, axis=1, keepdims=True))


def tail_shares(log_w: NDArray[Any]) -> NDArray[Any]:
    rank = 1 + np.argsort(np.argsort(-log_w, axis=1), axis=1)
    return (1 / rank) / (1 / np.arange(1, log_w.shape[1] + 1)).sum()


@pytest.mark.parametrize("particles", [1, 2, 20])
@pytest.mark.parametrize(
    ("shares", "guide"), [(chi_shares, exact.chi_guide), (tail_shares, exact.tail_guide)]
)
def test_weighted_paths_by_simulation(shares: Any, guide: Any, particles: int) -> None:
    case = CASES["reparameterised"]
    draws = Draws(case, case.data(2), 80_000 // particles, particles)
    share = shares(draws.log_w(case.values, draws.values))
    expected = guide(case, case.values, draws.x, particles)
    assert expected.keys() == case.guide_names
    assert slopes_close(
        lambda v: (share * draws.log_w(case.values, draws.at(v))).sum((1, 2)), case.values, expected
    )


@relaxable
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_relaxed_draws_by_simulation(name: str, hard: bool, temperature: float) -> None:
    case = CASES[name]
    draws = Draws(case, case.data(3), 20_000, 1)
    expected = concrete(case, case.values, draws.x, temperature, hard=hard)

    def bound(moved: Arrays) -> NDArray[Any]:
        return draws.log_w(moved, draws.relaxed(moved, temperature, hard)).sum((1, 2))

    assert slopes_close(bound, case.values, expected)


def test_simulation_tells_five_draws_from_any_number() -> None:
    case = CASES["reparameterised"]
    draws = Draws(case, case.data(2), 20_000, 5)
    log_w = draws.log_w(case.values, draws.values)
    share = np.exp(log_w - log_sum(log_w, axis=1, keepdims=True))
    wrong = exact.posterior_guide(case, case.values, draws.x)
    assert not slopes_close(
        lambda v: (share * draws.log_q(v, draws.values)).sum((1, 2)), case.values, wrong
    )
