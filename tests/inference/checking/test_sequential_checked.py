"""The order of a sequential site's entries: what is right passes, what is skipped says why."""

from __future__ import annotations

import pytest
from mistakes import X, guide, model
from sequential_mistakes import BITS, chain, jax_chain

from inference import check_pair, fit
from ppl_models import create

NAMES = ["no-entry-sees-later-ones", "conditionals-give-the-density"]


@pytest.mark.parametrize("pair", [chain(), jax_chain(-1)], ids=["pyro", "numpyro"])
def test_right_chain_passes(pair) -> None:
    report = check_pair(pair, BITS, checks=NAMES)
    assert not report.failed, report
    assert set(NAMES) <= {each.check for each in report.passed}


@pytest.mark.parametrize("first", [0, 1])
def test_a_leak_is_found_on_numpyro(first: int) -> None:
    report = check_pair(jax_chain(first), BITS, checks=NAMES[:1])
    assert {each.check for each in report.failed} == set(NAMES[:1]), report


def test_other_pairs_are_let_be() -> None:
    report = check_pair((model, guide), X, checks=NAMES)
    assert "no site is drawn entry by entry" in " ".join(str(report).split())


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_fitted_pair_s_networks_are_registered(engine: str) -> None:
    pair = create("nade", engine=engine, data_dim=BITS.shape[1], hidden_dim=2)
    run = fit(pair, BITS, steps=2, learning_rate=0.1, progress=False)
    report = check_pair(run, BITS, checks=["networks-are-registered"])
    assert not report.failed, report
    assert report.passed
