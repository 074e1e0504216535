"""Each planted mistake is found by the check that is there for it, and the right pair is let be."""

import pyro
import pytest
import rarer_mistakes  # noqa: F401  # adds to the table
import sequential_mistakes  # noqa: F401  # adds to the table
import torch
from mistakes import MISTAKES, X, guide, model
from pyro.infer import Trace_ELBO

from inference import check_pair
from inference.checking.checks import CHECKS

ON_NUMPYRO = {"plate-dimensions-agree"}  # see test_numpyro.py; Pyro refuses such a program itself


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found_with_its_remedy(name):
    planted = MISTAKES[name]
    report = check_pair(planted.pair, *planted.batch, checks=[planted.check])
    found = [each for each in report.findings if each.check == planted.check]
    assert {each.outcome for each in found} == {planted.outcome}, report
    assert any(planted.word in each.message for each in found), report


def test_every_check_has_a_planted_mistake():
    assert {each.check for each in MISTAKES.values()} | ON_NUMPYRO == set(CHECKS)


def test_right_pair_has_no_mistake():
    report = check_pair((model, guide), X)
    assert not report.failed, report
    assert len(report.passed) >= 50


def test_pyro_accepts_ten_and_more_of_them_in_silence():
    accepted = set()
    for name, planted in MISTAKES.items():
        if planted.check in ("pair-type", "engine") or not isinstance(planted.pair, tuple):
            continue
        pyro.clear_param_store()
        try:
            Trace_ELBO().loss_and_grads(*planted.pair, *map(torch.tensor, planted.batch))
        except (RuntimeError, ValueError, TypeError, UserWarning, ZeroDivisionError):
            continue
        accepted.add(name)
    pyro.clear_param_store()
    assert len(accepted) >= 10, accepted
