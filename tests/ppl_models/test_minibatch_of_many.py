"""Pairs that know how many data there are: a minibatch's weight is no mistake of the model."""

from __future__ import annotations

from typing import Any

import pyro
import pytest
from rows import ROWS

from inference import check_pair
from ppl_models import create

KNOWING = [name for name, row in sorted(ROWS.items()) if row.shared]


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("name", KNOWING)
def test_a_part_of_the_data_is_drawn_as_it_is_scored(name: str, engine: str) -> None:
    row = ROWS[name]
    options = {**row.hyperparameters, "data_size": 100}
    if row.model == "random_effects":
        options["guide"] = "mean-field"  # the other one needs all rows at once
    pair = create(row.model, engine=engine, **options)
    report = check_pair(pair, *row.batch(6), rows=100, checks=["draw-then-score"])
    assert not report.failed
    assert [each.check for each in report.findings if each.outcome == "passed"]


def test_a_model_that_scores_otherwise_is_still_found() -> None:
    """Planted: what is scored weighs twice what is drawn."""
    row = ROWS[KNOWING[0]]
    pair: Any = create(row.model, engine="pyro", **{**row.hyperparameters, "data_size": 100})
    plain = pair.model

    def model(x: Any = None, *, size: int = 1) -> Any:
        with pyro.poutine.scale(scale=1.0 if x is None else 2.0):
            return plain(x, size=size)

    pair.model = model
    (finding,) = check_pair(pair, *row.batch(6), rows=100, checks=["draw-then-score"]).failed
    assert "is drawn with log density" in finding.message
