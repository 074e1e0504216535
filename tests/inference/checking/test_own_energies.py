"""A density of one's own with a kernel: what is right passes, and what it lacks is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from own_energies import STATES, ising, laws

from inference import CD, check_pair, fit, log_likelihood, log_partition
from inference.errors import ObjectiveError

PAIRS = STATES.sum(1) * (STATES.sum(1) - 1) / 2  # of units that are on
both = pytest.mark.parametrize("engine", ["pyro", "numpyro"])


@both
@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_its_kernel_is_checked_without_temperatures(engine: str, slope: float) -> None:
    """Of the draws that the check makes; the check's own false-failure rate is below 1e-5."""
    report = check_pair(ising(engine, slope), STATES, checks=["kernel-leaves-density"])
    assert bool(report.failed) is (slope != 1), report
    assert not report.skipped, report


def test_values_of_another_model_are_not_its_own() -> None:
    """Parameters of the same name, that somebody trained in the same session by Pyro's own SVI."""
    with pyro.get_param_store().scope():
        pyro.param("bias", torch.ones(4))
        report = check_pair(ising("pyro"), STATES, checks=["kernel-leaves-density"])
        assert not report.failed, report
        assert list(pyro.get_param_store()) == ["bias"]


@both
def test_what_it_lacks_is_named(engine: str) -> None:
    with pytest.raises(ObjectiveError, match=r"site 'x' has no tempered\(\)"):
        log_partition(ising(engine))
    with pytest.raises(ObjectiveError, match=r"site 'x' has no tempered\(\)"):
        log_likelihood(ising(engine), STATES, method="raise")


_MISTAKES = {
    "": (),
    "first": ("temperatures-lead-to-density", r"tempered\(0, base\) of .* nats away"),
    "last": ("temperatures-lead-to-density", r"tempered\(1, base\) of .* nats away"),
    "constant": ("temperatures-lead-to-density", r"log_partition\(\) of the base of 'x' is"),
    "kernel": ("temperatures-lead-to-density", r"tempered\(0.5, base\), does not leave its"),
    "conditionals": ("conditionals-are-the-densitys", "pseudo-likelihoods are of another"),
}


_CASES = [("pyro", mistake) for mistake in _MISTAKES] + [("numpyro", ""), ("numpyro", "last")]


@pytest.mark.parametrize(("engine", "mistake"), _CASES)
def test_temperatures_and_conditionals_are_of_the_density(engine: str, mistake: str) -> None:
    pair = ising(engine, make=laws(engine, mistake))
    names = ["temperatures-lead-to-density", "conditionals-are-the-densitys"]
    report = check_pair(pair, STATES, checks=names)
    assert not report.skipped, report
    if mistake:
        (found,), (name, words) = report.failed, _MISTAKES[mistake]
        assert found.check == name
        assert re.search(words, found.message), found.message
    else:
        assert not report.failed, report
    score: Any = log_partition
    if mistake in ("first", "last"):  # a number, and that of something else
        for method in ("ais", "reverse"):
            with pytest.raises(ObjectiveError, match=_MISTAKES[mistake][1]):
                score(pair, method, num_chains=5, num_temperatures=5)
        with pytest.raises(ObjectiveError, match=_MISTAKES[mistake][1]):
            log_likelihood(pair, STATES, method="raise", num_chains=5, num_temperatures=5)
    elif not mistake:
        truth = np.logaddexp.reduce(0.8 * PAIRS - 0.5 * STATES.sum(1))
        for method in ("exact", "ais", "reverse"):
            found = score(pair, method, num_chains=200, num_temperatures=50)
            assert abs(found.log_z - truth) < 0.02, (method, found)


@both
@pytest.mark.parametrize("beta", [1, 1.0])
def test_at_its_own_temperature_it_needs_no_other(engine: str, beta: float) -> None:
    seen: list[tuple[int, ...]] = []

    class Moves(CD):
        def surrogate(self, program: Any) -> Any:
            seen.append(program.transition({"x": program.data[0]}, 2, beta=beta)["x"].shape)
            return super().surrogate(program)

    fit(ising(engine), STATES, objective=Moves(), steps=1, progress=False)
    assert set(seen) == {STATES.shape}
