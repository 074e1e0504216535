# type: ignore  # as users write them
"""NumPyro's `cond` and `scan`: values reach what is inside of them."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.contrib.control_flow import cond, scan

from inference import ELBO, Enumerated, check_pair, fit
from inference.engines.numpyro.gradients import gradients

X = np.array([-2.5, -1.0, 0.5, 2.0, 3.0], np.float32)


def drawn_by(mean, scale):
    return lambda _: numpyro.sample("u", dist.Normal(mean, scale))


def branching(x):
    c = numpyro.sample("c", dist.Bernoulli(0.5))
    u = cond(c == 1, drawn_by(3.0, 1.0), drawn_by(-3.0, 2.0), None)
    with numpyro.plate("data", len(x)):
        numpyro.sample("x", dist.Normal(u, 1.0), obs=x)


def branching_guide(x):
    high, low = numpyro.param("high", 1.0), numpyro.param("low", -1.0)
    c = numpyro.sample("c", dist.Bernoulli(logits=numpyro.param("logit", 0.0)))
    cond(c == 1, drawn_by(high, 1.0), drawn_by(low, 1.0), None)


def cost(mean, prior_mean, prior_scale):
    """The divergence of u in one branch, less E log p(x | u), and its slope by the guide's mean."""
    off = mean - prior_mean
    divergence = np.log(prior_scale) + (1 + off**2) / (2 * prior_scale**2) - 0.5
    expected = 0.5 * ((X - mean) ** 2 + 1 + np.log(2 * np.pi)).sum()
    return divergence + expected, off / prior_scale**2 - (X - mean).sum()


@pytest.mark.parametrize("objective", [ELBO(), Enumerated()])
def test_what_a_branch_computes_with_is_the_guides_draw(objective):
    """Of 4,000 gradients each; at 5 standard errors 1 in 3e5 of the six fails."""
    found, losses = gradients((branching, branching_guide), objective, (X,), 4000)
    (high, high_slope), (low, low_slope) = cost(1.0, 3.0, 1.0), cost(-1.0, -3.0, 2.0)
    means = {"logit": (high - low) / 4, "high": high_slope / 2, "low": low_slope / 2}
    for name, draws in (*found.items(), ("loss", losses)):
        want = means.get(name, (high + low) / 2)
        assert abs(draws.mean() - want) < 5 * draws.std() / np.sqrt(len(draws)), name


def test_a_parameter_of_one_branch_is_not_blamed():
    assert check_pair((branching, branching_guide), X).failed == []


SEEN = np.array([[1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 1, 1]], np.int32)


def capture(seen):
    """Cormack-Jolly-Seber: alive with chance phi, then seen with chance rho; integers are kept."""
    phi = numpyro.param("phi", 0.7, constraint=dist.constraints.unit_interval)
    rho = numpyro.param("rho", 0.4, constraint=dist.constraints.unit_interval)

    def year(alive, now):
        with numpyro.plate("animals", len(seen)):
            law = dist.Bernoulli(phi * alive)
            alive = numpyro.sample("alive", law, infer={"enumerate": "parallel"})
            numpyro.sample("seen", dist.Bernoulli(rho * alive), obs=now)
        return alive, None

    scan(year, jnp.ones(len(seen), jnp.int32), seen[:, 1:].T)


def log_p(row, phi=0.7, rho=0.4):
    total = 0.0
    for path in itertools.product((0, 1), repeat=len(row) - 1):
        before, chance = 1, 1.0
        for alive, seen in zip(path, row[1:], strict=True):
            chance *= phi * before if alive else 1 - phi * before
            chance *= rho * alive if seen else 1 - rho * alive
            before = alive
        total += chance
    return np.log(total)


def test_integers_that_a_scan_carries_are_summed_over():
    pair = capture, lambda seen: None
    run = fit(pair, [(SEEN,)], objective=Enumerated(), steps=1, learning_rate=1e-6, progress=False)
    want = -np.mean([log_p(row) for row in SEEN])
    np.testing.assert_allclose(run.history.loss.iloc[0], want, rtol=1e-5)
