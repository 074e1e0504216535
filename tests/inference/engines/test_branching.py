"""Programs that fail or branch are told in words, with the site or the line."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as pdist
import pytest
import torch
from pyro.infer import Trace_ELBO

from inference import ELBO, fit, log_likelihood, valid_objectives
from inference.errors import ObjectiveError, PairError

X = np.zeros((1, 1), dtype=np.float32)


def branching(x: Any, *, observes: bool) -> None:
    with pyro.plate("data", len(x)):
        shift = torch.zeros(1) if observes else pyro.param("shift", torch.zeros(1))
        z = pyro.sample("z", pdist.Normal(shift, 1.0).to_event(1))
        side = "a" if z.item() > 0 else "b"
        pyro.sample(side, pdist.Normal(torch.zeros(1), 1.0).to_event(1))
        if observes:
            pyro.sample("x", pdist.Normal(z, 1.0).to_event(1), obs=x)


def model(x: Any) -> None:
    branching(x, observes=True)


def guide(x: Any) -> None:
    branching(x, observes=False)


def failing(x: Any) -> None:
    raise RuntimeError("the table is empty")


@pytest.mark.parametrize("objective", ["rws:num_particles=4", "rloo:num_particles=4"])
def test_draws_with_other_sites_are_not_compared(objective: str) -> None:
    with pytest.raises(ObjectiveError, match=r"'a', 'b' is drawn in some draws.*num_particles=1"):
        fit((model, guide), X, objective=objective, steps=40)
    name = objective.split(":")[0].upper()
    assert name in valid_objectives((model, guide), X).refused


def by_a_bit(x: Any, *, observes: bool) -> None:
    """c is there where b is one."""
    names = ("p", "r") if observes else ("a", "s")
    first, second = (pyro.param(name, torch.tensor(0.3)) for name in names)
    with pyro.plate("data", 1):
        b = pyro.sample("b", pdist.Bernoulli(logits=first))
        mean = torch.tensor(-0.5)
        if b.item():
            mean = pyro.sample("c", pdist.Bernoulli(logits=second)) + 0.2
        if observes:
            pyro.sample("x", pdist.Normal(mean, 1.0), obs=x)


RELAXED = ["concrete", "rebar", "relax", "muprop", "arm", "disarm", "wakesleep"]


@pytest.mark.parametrize("objective", RELAXED)
def test_a_branch_is_taken_by_values_and_not_by_what_lies_between_them(objective: str) -> None:
    """A relaxed bit is true; two draws, or a dream, have other sites than the draw looked at."""
    pair = (partial(by_a_bit, observes=True), partial(by_a_bit, observes=False))
    x = np.array([0.9], dtype=np.float32)
    asked = valid_objectives(pair, x)
    assert {"ELBO", "NVIL"} <= {*asked.valid}
    assert not {*RELAXED} & {n.lower() for n in asked.valid}
    with pytest.raises(ObjectiveError, match=r"'c' is drawn in some draws.*ELBO\(\) or NVIL\(\)"):
        fit(pair, x, objective=objective, steps=2, progress=False)


def sized(x: Any, *, observes: bool) -> None:
    """A plate of one or two."""
    first, second = (pyro.param(f"{name}{observes}", torch.tensor(-0.3)) for name in "ab")
    n = pyro.sample("n", pdist.Bernoulli(logits=first))
    with pyro.plate("items", 1 + int(n)):
        b = pyro.sample("b", pdist.Bernoulli(logits=second))
    if observes:
        pyro.sample("x", pdist.Normal(b.sum(), 1.0), obs=x[0])


@pytest.mark.parametrize("chance", [0.1, 0.3, 0.5, 0.7])
def test_either_side_of_a_likely_branch_is_seen(chance: float) -> None:
    """Draws of seeds that follow each other gave one side alone for chances of about a half."""

    def asks(x: Any) -> None:
        if pyro.sample("b", pdist.Bernoulli(torch.tensor(chance))).item():
            pyro.sample("c", pdist.Normal(pyro.param("m", torch.tensor(0.0)), 1.0))

    def answers(x: Any) -> None:
        asks(x)
        pyro.sample("x", pdist.Normal(0.0, 1.0), obs=x[0])

    x = np.array([0.9], dtype=np.float32)
    assert "'c' is drawn in some draws" in valid_objectives((answers, asks), x).refused["RLOO"]


def test_a_plate_whose_size_is_drawn_is_not_compared_with_one_of_another_size() -> None:
    pair = (partial(sized, observes=True), partial(sized, observes=False))
    x = np.array([0.9], dtype=np.float32)
    assert "ELBO" in (asked := valid_objectives(pair, x)).valid
    assert "'b' is drawn in some draws" in asked.refused["RLOO"]
    assert "or in another size" in asked.refused["RLOO"]
    with pytest.raises(ObjectiveError, match="'b' is drawn in some draws"):
        fit(pair, x, objective="rloo:num_particles=3", steps=9, progress=False)
    assert fit(pair, x, objective="elbo", steps=9, progress=False).step == 9


def test_single_draws_train_as_upstream_trains_them() -> None:
    """No draw is left out for its sites, and none is drawn again."""
    ours, upstreams = (
        fit((model, guide), X, objective=loss, steps=12, progress=False).parameters["shift"]
        for loss in (ELBO(analytic_kl=False), Trace_ELBO())
    )
    np.testing.assert_allclose(ours, upstreams, rtol=1e-5)
    assert abs(ours).max() > 0


def test_evaluators_refuse_them_too() -> None:
    with pytest.raises(ObjectiveError, match=r"'a', 'b'"):
        log_likelihood((model, guide), X, num_particles=40)


def test_valid_objectives_names_the_line_of_a_program_that_fails() -> None:
    with pytest.raises(PairError, match=r"test_branching\.py:\d+.*the table is empty"):
        valid_objectives((failing, failing), X, engine="pyro")


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield
