"""Whether a model observes its data shows where rows change places, unless it looks the same."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor
from torch.distributions import constraints

from inference import check_pair


@pytest.mark.parametrize("takes", ["plate", "loop"])
def test_rows_that_a_model_takes_itself_may_be_the_same_at_other_places(takes: str) -> None:
    """Of 6 heads and 4 tails in this order, 5 that are drawn look alike after many a shift."""

    def tosses(x: Tensor) -> None:
        fair = pyro.sample("fair", dist.Beta(10.0, 10.0))
        if takes == "plate":
            with pyro.plate("data", len(x), subsample_size=5) as rows:
                pyro.sample("x", dist.Bernoulli(fair), obs=x[rows])
            return
        for row in pyro.plate("data", len(x), subsample_size=5):
            pyro.sample(f"x{row}", dist.Bernoulli(fair), obs=x[int(row)])

    def draws(x: Tensor) -> None:
        count = pyro.param("count", torch.tensor(15.0), constraint=constraints.positive)
        pyro.sample("fair", dist.Beta(count, count))

    heads = np.repeat(np.array([1, 0], np.float32), [6, 4])
    report = check_pair((tosses, draws), heads, checks=["data-matter"])
    assert [each.check for each in report.passed][-1] == "data-matter", report


def test_data_that_are_single_numbers_change_places_among_themselves() -> None:
    def walk(xs: list[Tensor], start: Tensor) -> None:
        for n, x in enumerate(xs):
            start = pyro.sample(f"z{n}", dist.Normal(start, 1.0).to_event(1))
            pyro.sample(f"x{n}", dist.Normal(start[..., 0], 1.0), obs=x)

    def guide(xs: list[Tensor], start: Tensor) -> None:
        spread = pyro.param("spread", torch.ones(2), constraint=constraints.positive)
        for n in range(len(xs)):
            start = pyro.sample(f"z{n}", dist.Normal(start, spread).to_event(1))

    numbers = list(torch.tensor([0.3, -1.0, 2.0]))
    report = check_pair((walk, guide), numbers, torch.ones(2), checks=["data-matter"])
    assert [each.check for each in report.passed][-1] == "data-matter", report
