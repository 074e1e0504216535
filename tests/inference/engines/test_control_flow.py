# type: ignore  # as users write them
"""NumPyro's `cond` and `scan`: values reach what is inside of them."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.contrib.control_flow import cond, scan

from inference import ELBO, Enumerated, check_pair, fit, valid_objectives
from inference.engines.numpyro.gradients import gradients
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.traces import run
from inference.errors import ObjectiveError
from inference.program.program import Relaxation

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
    fitted = fit(
        pair, [(SEEN,)], objective=Enumerated(), steps=1, learning_rate=1e-6, progress=False
    )
    want = -np.mean([log_p(row) for row in SEEN])
    np.testing.assert_allclose(fitted.history.loss.iloc[0], want, rtol=1e-5)


SERIES = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)  # steps, rows
START = {"a": 0.3, "b": 0.5}


def chain(first, law, emitted=None):
    """A program of a series whose steps draw z by `law` of the one before and of x."""

    def program(x):
        a, b = (numpyro.param(name, value) for name, value in START.items())

        def step(z, now):
            with numpyro.plate("data", x.shape[1]):
                z = numpyro.sample("z", law(first(a, b, z, now)))
                if emitted is not None:
                    numpyro.sample("x", dist.Normal(z, emitted), obs=now)
            return z.astype(float), None

        scan(step, jnp.zeros(x.shape[1]), x)

    return program


def drawn(params, pair, **how):
    key = jax.random.PRNGKey(1)
    program = NumPyroProgram(key, params, *pair, (jnp.asarray(SERIES),), {}, lambda found: None)
    draws = program.draw(1, **how)
    return draws.log_w.sum(), (draws.values["z"][0], draws.log_p_sites, draws.log_q)


def test_a_draw_that_is_held_is_held_in_the_steps_after_it():
    """Else the score of a guide takes the next step's mean for one of its own parameters."""
    pair = (
        chain(lambda a, b, z, x: 0.8 * z, lambda mean: dist.Normal(mean, 1.0), 0.5),
        chain(lambda a, b, z, x: a * z + b * x, lambda mean: dist.Normal(mean, 0.7)),
    )
    slopes, (z, *_) = jax.grad(drawn, has_aux=True)(START, pair, detach=True)
    before = np.vstack([np.zeros(2), z[:-1]])
    off = (z - START["a"] * before - START["b"] * SERIES) / 0.7**2
    np.testing.assert_allclose(slopes["a"], -(off * before).sum(), rtol=1e-4)
    np.testing.assert_allclose(slopes["b"], -(off * SERIES).sum(), rtol=1e-4)


@pytest.mark.parametrize("hard", [False, True])
def test_a_relaxed_draw_is_what_the_next_step_goes_on_with(hard):
    pair = (
        chain(lambda a, b, z, x: 0.8 * z - 0.3, lambda odds: dist.Bernoulli(logits=odds), 0.5),
        chain(lambda a, b, z, x: a * z + b * x, lambda odds: dist.Bernoulli(logits=odds)),
    )
    how = {"relax": Relaxation(0.5, hard=hard)}
    slopes, (z, log_p, log_q) = jax.grad(drawn, has_aux=True)(START, pair, **how)
    assert np.isin(z, (0, 1)).all() == hard
    before = np.vstack([np.zeros(2), z[:-1]])
    odds, proposed = 0.8 * before - 0.3, START["a"] * before + START["b"] * SERIES
    np.testing.assert_allclose(
        log_p["z"].sum(), (z * odds - np.logaddexp(0, odds)).sum(), rtol=1e-4
    )
    want = (z * proposed - np.logaddexp(0, proposed)).sum()
    np.testing.assert_allclose(log_q.sum(), want, rtol=1e-4)
    if not hard:  # a hard draw's gradient is that of the soft one
        for name, slope in slopes.items():
            ends = [drawn(START | {name: START[name] + h}, pair, **how)[0] for h in (1e-2, -1e-2)]
            np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-2, rtol=2e-2, atol=1e-2)


def by_odds(odds):
    return dist.Bernoulli(logits=odds)


HIDDEN = chain(lambda a, b, z, x: 0.8 * z - 0.3, by_odds, 0.5)
ONE_BY_ONE = "REBAR", "RELAX", "MuProp", "ARM", "DisARM"


def test_steps_that_go_on_with_draws_are_no_entries_of_one_draw():
    """A pair of draws that differ in all steps at once is no pair of one chain's paths."""
    onward = chain(lambda a, b, z, x: a * z + b * x, by_odds)
    apart = chain(lambda a, b, z, x: (a + b) * x, by_odds)
    offered = set(valid_objectives((HIDDEN, onward), SERIES).valid)
    assert offered.isdisjoint(ONE_BY_ONE)
    assert offered >= {"RLOO", "NVIL", "Enumerated"}
    assert set(valid_objectives((HIDDEN, apart), SERIES).valid) >= set(ONE_BY_ONE)
    with pytest.raises(ObjectiveError, match="'z' at once, but the guide draws it in a scan"):
        fit((HIDDEN, onward), SERIES, objective="disarm", steps=1, progress=False)


def grows_by(x, **passed):
    def step(before, now):
        with numpyro.plate("data", x.shape[1]):
            value = numpyro.sample("x", dist.Normal(0.8 * before, 1.0), obs=now)
        return value, None

    scan(step, jnp.zeros(x.shape[1]), **passed)


def observed_in_steps(x):
    grows_by(x, xs=x)


def conditioned_outside(x):
    with numpyro.handlers.condition(data={"x": x}):
        grows_by(x, xs=None, length=len(x))


@pytest.mark.parametrize("model", [observed_in_steps, conditioned_outside])
def test_data_that_are_drawn_go_on_as_drawn(model):
    """Of a series that begins at 0; one that went on from the data would be near 80."""
    x = jnp.full((4, 3), 100.0)
    site = run(model, jax.random.PRNGKey(0), (x,), blind=True).sites["x"]
    assert not site["is_observed"]
    assert abs(site["value"]).max() < 12
    np.testing.assert_allclose(site["fn"].loc[1:], 0.8 * site["value"][:-1], rtol=1e-5)
