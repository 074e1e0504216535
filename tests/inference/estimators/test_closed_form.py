"""The laboratory against formulae, quadrature and enumeration.

Errors come from 20 blocks, so deviations follow Student's t with 19 degrees of freedom: of the 32
comparisons here one exceeds 8 standard errors with a probability of 5e-6.
"""

from __future__ import annotations

import functools

import numpy as np
import one_gaussian as og
import pandas as pd
import pytest
import tiny_belief_net as tb
from rows import ENGINES

from inference import (
    ELBO,
    IWAE,
    NVIL,
    Concrete,
    DReG,
    EstimatorReport,
    Run,
    estimator_report,
)

DRAWS = {"numpyro": 4000, "pyro": 400}
LIMIT = 8
UNLIKELY = 1e-6  # of a p-value; some 12 are looked at


@functools.cache
def gaussian(engine: str) -> EstimatorReport:
    """By draws of the ELBO and of L_2, against the exact gradient of L_2."""
    return estimator_report(
        og.pair(engine),
        {"ELBO": lambda k: ELBO(k, analytic_kl=False), "IWAE": IWAE(2)},
        og.X,
        num_draws=DRAWS[engine],
        num_particles=3,
        reference=og.gradient_of_two(),
    )


def row(table: pd.DataFrame, label: str, num_particles: int, group: str) -> pd.Series:
    chosen = (table.label == label) & (table.num_particles == num_particles)
    found = table[chosen & (table.group == group)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_variance_and_ratio_are_the_formulae(engine: str) -> None:
    """Of the model's one parameter and the guide's two, one of them constrained; K = 3."""
    mean, variance = og.moments(3)
    for group, names in {"model": ["b"], "guide": ["m", "s"]}.items():
        found = row(gaussian(engine).table(), "ELBO", 3, group)
        assert found.parameters == len(names)
        total = sum(variance[name] for name in names)
        assert abs(found.variance - total) < LIMIT * found.variance_error < 0.8 * total
        assert found.variance_mean == found.variance / len(names)
        ratio = np.mean([abs(mean[name]) / variance[name] ** 0.5 for name in names])
        assert abs(found.snr - ratio) < LIMIT * found.snr_error < 0.8 * ratio


@pytest.mark.parametrize("engine", ENGINES)
def test_bias_is_none_or_what_the_bounds_differ_by(engine: str) -> None:
    """IWAE is unbiased for L_2; the ELBO's gradient differs from that of L_2."""
    table = gaussian(engine).table()
    exact, mean = og.gradient_of_two(), og.moments(1)[0]
    for group, names in {"model": ["b"], "guide": ["m", "s"]}.items():
        found = row(table, "IWAE", 2, group)
        assert found.bias_p > UNLIKELY
        assert found.bias < LIMIT * found.bias_error
        off = np.linalg.norm([mean[name] - exact[name] for name in names])
        found = row(table, "ELBO", 3, group)
        assert found.bias_p < UNLIKELY
        assert abs(found.bias - off) < LIMIT * found.bias_error
        size = np.linalg.norm([exact[name] for name in names])
        assert found.relative_bias == pytest.approx(found.bias / size)


@pytest.mark.parametrize("engine", ENGINES)
def test_effective_sample_size_is_that_of_quadrature(engine: str) -> None:
    """Of two weights, on [1, 2], so of standard deviation below 1/2: 500 sets for each of 4 data.

    The limit is six standard errors.
    """
    found = row(gaussian(engine).table(), "IWAE", 2, "guide").ess
    assert abs(found - og.effective_of_two()) < 6 * 0.5 / 2000**0.5


def test_a_sampled_reference_is_as_good_as_an_exact_one() -> None:
    """L_2's of DReG, which is unbiased, and by default from DReG; with the error of both."""
    asked = estimator_report(
        og.pair("pyro"),
        {"ELBO": ELBO(3, analytic_kl=False)},
        og.X,
        num_draws=400,
        reference=DReG(2),
    ).table()
    default = estimator_report(
        og.pair("pyro"), {"DReG": DReG(2)}, og.X, num_draws=100, reference_draws=400
    ).table()
    assert {*asked.reference, *default.reference} == {"DReG(num_particles=2), mean of 400"}
    exact = gaussian("pyro").table()
    for group in ("model", "guide"):
        assert row(default, "DReG", 2, group).bias_p > UNLIKELY
        one, other = row(asked, "ELBO", 3, group), row(exact, "ELBO", 3, group)
        assert abs(one.bias - other.bias) < LIMIT * np.hypot(one.bias_error, other.bias_error)
        assert one.bias_p < UNLIKELY


@functools.cache
def belief_net(engine: str) -> pd.DataFrame:
    """A net of three units; NVIL with the running mean and variance that it starts with."""
    objectives = {"NVIL": NVIL(None), "Concrete": Concrete(1.0)}
    x = tb.data(6).astype(np.float32)
    pair = tb.pair(engine, tb.parameters())
    return estimator_report(pair, objectives, x, num_draws=DRAWS[engine]).table()


@pytest.mark.parametrize("engine", ENGINES)
def test_enumeration_tells_the_biased_from_the_unbiased(engine: str) -> None:
    """NVIL that has not normalised yet is unbiased; Concrete is biased."""
    table = belief_net(engine)
    assert set(table.reference) == {"Enumerated(), exact"}
    for label, p in zip(table.label, table.bias_p, strict=True):
        assert (p < UNLIKELY) == (label == "Concrete"), p
    exact = tb.elbo(tb.parameters(), tb.data(6)) / 6
    found = row(table, "NVIL", 1, "guide")
    assert abs(found.bound - exact) < LIMIT * found.bound_error


def test_engines_agree_on_an_estimator_with_state() -> None:
    """NVIL's mean and variance stay at their first values however often they are used."""
    one, other = (row(belief_net(engine), "NVIL", 1, "guide") for engine in ENGINES)
    error = np.hypot(one.variance_error, other.variance_error)
    assert abs(one.variance - other.variance) < LIMIT * error < 0.8 * one.variance


OWNED = {"pyro": "objective.state.variance.b", "numpyro": '["objective.state.variance.b"]'}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_runs_objective_has_learnt_is_used(engine: str) -> None:
    """A running variance of 9 divides the guide's gradient by 3, and the model's by nothing."""
    pair, x = tb.pair(engine, tb.parameters()), tb.data(6).astype(np.float32)
    owned = {OWNED[engine]: np.asarray(9.0, dtype=np.float32)}
    run = Run(pair, {}, {}, "finished", 1, None, [], objective=NVIL(None), owned=owned)
    found = estimator_report(
        run, {"NVIL": NVIL(None)}, x, num_draws=DRAWS[engine], reference_draws=0
    ).table()
    for group, by in {"model": 1, "guide": 9}.items():
        used, start = row(found, "NVIL", 1, group), row(belief_net(engine), "NVIL", 1, group)
        error = np.hypot(by * used.variance_error, start.variance_error)
        assert abs(by * used.variance - start.variance) < LIMIT * error < 0.9 * start.variance


def test_what_the_objective_owns_is_a_group() -> None:
    """Of a baseline that begins at zero, 4-3-1, only the last layer has a gradient."""
    pair, x = tb.pair("pyro", tb.parameters()), tb.data(6).astype(np.float32)
    table = estimator_report(pair, {"NVIL": NVIL(hidden=3)}, x, num_draws=40).table()
    baseline = row(table, "NVIL", 1, "baseline")
    assert baseline.parameters == 3 + 1
    assert np.isnan(baseline.bias)
    assert baseline.reference == ""
