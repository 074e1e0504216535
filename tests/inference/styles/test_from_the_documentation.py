"""What the libraries' tutorials show beside programs: losses as functions, rates by parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]
from torch.distributions import constraints

from inference import check_pair, fit, log_likelihood
from inference.errors import ArgumentError, ObjectiveError, RunFolderError

TOSSES = [torch.tensor(1.0)] * 6 + [torch.tensor(0.0)] * 4


def model(data: Any) -> None:
    """The first tutorial's: a statement for each toss, in a Python loop over a list."""
    f = pyro.sample("f", dist.Beta(10.0, 10.0))
    for i, toss in enumerate(data):
        pyro.sample(f"obs_{i}", dist.Bernoulli(f), obs=toss)


def guide(data: Any) -> None:
    del data
    a = pyro.param("alpha", torch.tensor(15.0), constraint=constraints.positive)
    b = pyro.param("beta", torch.tensor(15.0), constraint=constraints.positive)
    pyro.sample("f", dist.Beta(a, b))


def by_parameter(name: str) -> dict[str, float]:
    return {"lr": 0.1 if name == "alpha" else 0.001}


def simple_elbo(model: Any, guide: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """A loss as a function, as the tutorial on custom objectives has it."""
    proposed = poutine.trace(guide).get_trace(*args, **kwargs)
    scored = poutine.trace(poutine.replay(model, trace=proposed)).get_trace(*args, **kwargs)
    return -(scored.log_prob_sum() - proposed.log_prob_sum())


def by_svi(loss: Any, optimizer: Any) -> dict[str, float]:
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        pyro.set_rng_seed(0)
        svi = SVI(model, guide, optimizer, loss=loss)
        for _ in range(8):
            svi.step(TOSSES)
        return {name: float(value.detach()) for name, value in pyro.get_param_store().items()}


@pytest.mark.parametrize("loss", [Trace_ELBO(), simple_elbo], ids=["object", "function"])
@pytest.mark.parametrize("settings", [{"lr": 0.01}, by_parameter], ids=["one", "by parameter"])
def test_as_upstreams_loop(loss, settings, tmp_path):
    """Settings by parameter included, also of a run that goes on."""
    common: dict[str, Any] = {"objective": loss, "seed": 0, "progress": False}
    upstream = by_svi(loss, Adam(settings))
    run = fit((model, guide), [(TOSSES,)], optimizer=Adam(settings), steps=8, **common)
    for name, value in upstream.items():
        np.testing.assert_allclose(run.parameters[name], value, rtol=1e-6)
    folder = {"out": tmp_path / "run", "optimizer": Adam(settings), **common}
    fit((model, guide), [(TOSSES,)], steps=3, **folder)
    resumed = fit((model, guide), [(TOSSES,)], steps=8, resume=True, **folder)
    for name, value in run.parameters.items():
        assert value.tobytes() == resumed.parameters[name].tobytes()


def test_parameters_of_a_later_batch_have_their_own_settings():
    def late(x: torch.Tensor) -> None:
        loc = pyro.param("m", torch.zeros(()))
        if len(x) > 2:
            loc = loc + pyro.param("late", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(loc, 1.0), obs=x)

    batches = [(torch.ones(2),), (torch.ones(3),)]
    optimizer = Adam(lambda name: {"lr": 0.5 if name == "late" else 0.001})
    pair: Any = (late, lambda x: None)
    run = fit(pair, batches, objective=Trace_ELBO(), optimizer=optimizer, steps=2, progress=False)
    assert run.parameters["late"] == pytest.approx(0.5, rel=1e-3)
    assert run.parameters["m"] < 0.01


@pytest.mark.parametrize("early", [False, True])
def test_parameters_of_rows_that_the_guide_draws_are_made_ahead_to_be_resumed(early, tmp_path):
    """SVI Part II sketches a guide with parameters for each row of a plate that it goes through."""

    def coins(x: torch.Tensor) -> None:
        for i in pyro.plate("rows", len(x)):
            z = pyro.sample(f"z{i}", dist.Normal(0.0, 1.0))
            pyro.sample(f"x{i}", dist.Normal(z, 1.0), obs=x[int(i)])

    def by_row(x: torch.Tensor) -> None:
        if early:
            for i in range(len(x)):
                pyro.param(f"mean{i}", torch.zeros(()))
        for i in pyro.plate("rows", len(x), subsample_size=2):
            mean = pyro.param(f"mean{i}", torch.zeros(()))
            pyro.sample(f"z{i}", dist.Normal(mean, 1.0))

    settings: Any = {"objective": Trace_ELBO(), "seed": 0, "progress": False}
    data = [(torch.arange(6.0),)]
    pair: Any = (coins, by_row)
    fit(pair, data, steps=4, out=tmp_path / "run", **settings)
    if not early:
        with pytest.raises(RunFolderError, match=r"'mean\d'.*make all of them in every run"):
            fit(pair, data, steps=8, out=tmp_path / "run", resume=True, **settings)
        return
    resumed = fit(pair, data, steps=8, out=tmp_path / "run", resume=True, **settings)
    whole = fit(pair, data, steps=8, **settings)
    assert resumed.parameters == whole.parameters


def test_a_number_is_no_loss():
    """Pyro's `SVI` takes `loss=elbo.loss`, warns of nothing, and trains nothing."""
    said = r"objective=Trace_ELBO\.loss returns a float without a gradient.*differentiable_loss"
    with pytest.raises(ObjectiveError, match=said):
        fit((model, guide), [(TOSSES,)], objective=Trace_ELBO().loss, steps=1, progress=False)
    fit(
        (model, guide),
        [(TOSSES,)],
        objective=Trace_ELBO().differentiable_loss,
        steps=1,
        progress=False,
    )


def test_a_loss_that_takes_nothing_is_said_by_name():
    nothing: Any = lambda: torch.zeros(())  # noqa: E731
    with pytest.raises(ArgumentError, match=r"objective is called with .*does not take"):
        fit((model, guide), [(TOSSES,)], objective=nothing, steps=1, progress=False)


def test_a_class_is_no_guide():
    with pytest.raises(ArgumentError, match=r"guide is the class AutoNormal.*AutoNormal\(model\)"):
        fit((model, AutoNormal), [(TOSSES,)], steps=1, progress=False)


def test_a_list_of_numbers_has_no_rows():
    assert check_pair((model, guide), TOSSES).failed == []
    with pytest.raises(ObjectiveError, match="no array, and without an argument that has a row"):
        log_likelihood((model, guide), (TOSSES,), engine="pyro")
