"""Programs as they are met in papers' code: right ones are not blamed, and their relatives are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from torch import Tensor
from torch.distributions import constraints

from inference import check_pair, fit, valid_objectives
from inference.errors import PairError

X = np.random.default_rng(0).normal(size=6).astype(np.float32)
Y = np.random.default_rng(1).normal(size=6).astype(np.float32)


def growth() -> Any:
    """Counts of kinds that grow in logit space, whose time is the place of their row."""

    def model(counts: Tensor) -> None:
        rows, kinds = counts.shape
        with pyro.plate("kinds", kinds):
            rate = pyro.sample("rate", dist.Normal(0.0, 1.0))
        logits = rate * torch.arange(float(rows))[:, None]
        with pyro.plate("time", rows, dim=-2):
            law = dist.Multinomial(logits=logits[:, None], validate_args=False)
            pyro.sample("counts", law, obs=counts[:, None])

    return model, AutoNormal(model)


def districts_on_pyro() -> Any:
    def model(district: Tensor, y: Tensor) -> None:
        with pyro.plate("districts", int(district.max()) + 1):
            level = pyro.sample("level", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Normal(level[district], 1.0), obs=y)

    return model, AutoNormal(model)


def districts_on_numpyro() -> Any:
    def model(district: Any, y: Any) -> None:
        with numpyro.plate("districts", int(np.max(district)) + 1):
            level: Any = numpyro.sample("level", npdist.Normal(0, 1))
        with numpyro.plate("data", len(y)):
            numpyro.sample("y", npdist.Normal(level[district], 1.0), obs=y)

    return model, NumPyroAutoNormal(model)


def words_by_point() -> Any:
    """A parameter under `constraints.stack`, whose check raises in PyTorch at dimension -2."""

    def model(counts: Tensor) -> None:
        with pyro.plate("topics", 2):
            words = pyro.sample("words", dist.Dirichlet(torch.ones(3)))
        with pyro.plate("data", len(counts)):
            pyro.sample(
                "counts", dist.Multinomial(probs=words.mean(0), validate_args=False), obs=counts
            )

    def guide(counts: Tensor) -> None:
        rows = constraints.stack([constraints.simplex] * 2, dim=-2)
        words = pyro.param("words_map", torch.full((2, 3), 1 / 3), constraint=rows)
        with pyro.plate("topics", 2):
            pyro.sample("words", dist.Delta(words).to_event(1))

    return model, guide


TALLIES = np.array([[3, 2, 5], [4, 4, 2], [1, 7, 2], [0, 9, 1]])
LABELS = np.array([0, 1, 2, 1, 0, 1])


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        (growth, (TALLIES,)),
        (districts_on_pyro, (LABELS, Y)),
        (districts_on_numpyro, (LABELS, Y)),
        (words_by_point, (TALLIES,)),
    ],
)
def test_programs_of_all_rows_at_once(make: Callable[[], Any], batch: tuple[Any, ...]) -> None:
    """A place among them, a plate as large as their largest label: limits at most."""
    checks = ["rows-alone", "rows-count-once-each", "other-batch-sizes", "parameters-in-range"]
    report = check_pair(make(), *batch, checks=checks)
    assert not report.failed, report


def test_an_average_over_rows_is_no_matter_of_their_places() -> None:
    def level(counts: Tensor) -> None:
        rate = pyro.sample("rate", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(counts)), poutine.scale(scale=1 / len(counts)):
            pyro.sample("counts", dist.Poisson(rate.exp()), obs=counts)

    report = check_pair((level, AutoNormal(level)), TALLIES[:, 0], checks=["rows-count-once-each"])
    assert report.failed


@pytest.mark.parametrize("outside", [False, True])
def test_a_factor_of_one_number_in_a_plate_is_a_note(outside: bool) -> None:
    """Right for a normaliser of each row, N times too much for a penalty."""

    def model(x: Tensor) -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        if outside:
            pyro.factor("penalty", -mean.square())
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(mean, 1.0), obs=x)
            if not outside:
                pyro.factor("penalty", -mean.square())

    found = check_pair((model, AutoNormal(model)), Y, checks=["values-fill-their-sites"])
    assert [(each.site, each.level) for each in found.findings if each.level] == (
        [] if outside else [("penalty", "note")]
    )
    assert outside or "shape () in plates of shape (6,)" in found.notes[0].message


def test_a_tuple_that_is_one_argument_is_said_how_to_be_passed() -> None:
    def model(data: tuple[Tensor, Tensor]) -> None:
        x, y = data
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(slope * x, 1.0), obs=y)

    pair = (model, AutoNormal(model))
    with pytest.raises(PairError, match=r"a single argument goes into another: \(\(a, b\),\)"):
        valid_objectives(pair, X, Y)
    assert "slope" in str(fit(pair, [((X, Y),)], steps=1, progress=False).parameters)
