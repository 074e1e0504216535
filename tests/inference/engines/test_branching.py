"""Programs that fail or branch are told in words, with the site or the line."""

from __future__ import annotations

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
