"""Programs as they are met in forums: right ones are not blamed, and their relatives are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpyro import handlers
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from pyro import poutine
from pyro.infer import config_enumerate
from pyro.infer.autoguide import AutoNormal
from torch import Tensor

from inference import check_pair, fit
from inference.errors import PairError

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=6).astype(np.float32)
COUNTS = np.array([2, 1, 3, 2, 7, 6, 8])


def change_on_pyro() -> Any:
    @config_enumerate
    def model(counts: Tensor) -> None:
        change = pyro.sample("change", dist.Categorical(torch.ones(len(counts))))
        law: Any = dist.Gamma(torch.ones(2), 0.3).to_event(1)
        rates = pyro.sample("rate", law)
        with pyro.plate("time", len(counts)):
            rate = torch.where(torch.arange(len(counts)) < change, rates[0], rates[1])
            pyro.sample("counts", dist.Poisson(rate), obs=counts)

    return model, AutoNormal(poutine.block(model, expose=["rate"]))


def change_on_numpyro() -> Any:
    def model(counts: Any) -> None:
        law: Any = npdist.Categorical(jnp.ones(len(counts)) / len(counts))
        change = numpyro.sample("change", law, infer={"enumerate": "parallel"})
        rate: Any = npdist.Gamma(jnp.ones(2), 0.3).to_event(1)
        rates = jnp.asarray(numpyro.sample("rate", rate))
        with numpyro.plate("time", len(counts)):
            rate = jnp.where(jnp.arange(len(counts)) < change, rates[0], rates[1])
            numpyro.sample("counts", npdist.Poisson(rate), obs=counts)

    return model, NumPyroAutoNormal(handlers.block(model, expose=["rate"]))


def prior_of_the_design() -> Any:
    def model(x: Tensor, y: Tensor) -> None:
        spread = len(x) * torch.linalg.inv(x.T @ x)
        weights = pyro.sample("weights", dist.MultivariateNormal(torch.zeros(2), spread))
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(x @ weights, 1.0), obs=y)

    return model, AutoNormal(model)


def line(x: Tensor) -> Tensor:
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("y", dist.Normal(slope * x, 1.0))


def conditioned_on_what_it_holds(name: str = "y") -> Any:
    guide = AutoNormal(poutine.block(line, hide=["y"]))
    return pyro.condition(line, data={name: torch.as_tensor(Y)}), guide


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        (change_on_pyro, (COUNTS,)),
        (change_on_numpyro, (COUNTS,)),
        (prior_of_the_design, (X, Y)),
        (conditioned_on_what_it_holds, (X[:, 0],)),
    ],
)
def test_programs_of_all_rows_at_once(make: Callable[[], Any], batch: tuple[Any, ...]) -> None:
    """A place among them, a prior made of them, data that are no argument: limits at most."""
    checks = ["rows-alone", "rows-count-once-each", "other-batch-sizes"]
    assert not check_pair(make(), *batch, checks=checks).failed


def one_law_on_pyro(y: Tensor) -> None:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    pyro.sample("y", dist.Normal(mean, 1.0), obs=y)


def one_law_on_numpyro(y: Any) -> None:
    mean = numpyro.sample("mean", npdist.Normal(0, 1))
    numpyro.sample("y", npdist.Normal(mean, 1.0), obs=y)


@pytest.mark.parametrize(
    "pair",
    [
        (one_law_on_pyro, AutoNormal(one_law_on_pyro)),
        (one_law_on_numpyro, NumPyroAutoNormal(one_law_on_numpyro)),
    ],
    ids=["pyro", "numpyro"],
)
def test_one_law_for_all_entries_of_the_data(pair: Any) -> None:
    """As regressions begin, without a plate: entries are counted one by one, which is right."""
    checks = ["values-fill-their-sites", "densities-fill-their-sites", "data-in-plate"]
    report = check_pair(pair, Y, checks=checks)
    assert not report.failed, report
    assert "open a plate('data', len(x))" in report.limits[0].message


def forgets_on_pyro(x: Tensor, y: Tensor | None = None) -> Tensor:
    del y
    return line(x)


def forgets_on_numpyro(x: Any, y: Any = None) -> Any:
    del y
    slope = numpyro.sample("slope", npdist.Normal(0, 1))
    with numpyro.plate("data", len(x)):
        return numpyro.sample("y", npdist.Normal(slope * x, 1.0))


@pytest.mark.parametrize(
    ("pair", "batch"),
    [
        ((forgets_on_pyro, AutoNormal(forgets_on_pyro)), (X[:, 0], Y)),
        ((forgets_on_pyro, AutoNormal(poutine.block(forgets_on_pyro, hide=["y"]))), (X[:, 0], Y)),
        ((forgets_on_numpyro, NumPyroAutoNormal(forgets_on_numpyro)), (X[:, 0], Y)),
        (conditioned_on_what_it_holds("Y"), (X[:, 0],)),
    ],
    ids=["whole guide", "guide without it", "numpyro", "condition"],
)
def test_data_that_are_not_given_to_their_site(pair: Any, batch: tuple[Any, ...]) -> None:
    """Although it returns what it draws, as generators do."""
    report = check_pair(pair, *batch, checks=["model-observes"])
    assert [each.site for each in report.failed] == ["y"], report


def chosen(x: Tensor, y: Tensor) -> None:
    weights = pyro.sample("weights", dist.Normal(torch.zeros(2, 2), 1.0).to_event(2))
    with pyro.plate("data", len(x)):
        pyro.sample("choice", dist.Categorical(logits=x @ weights), obs=y)


def test_a_class_too_many_is_said_of_its_site() -> None:
    """What torch raises inside of a distribution names nothing of the program."""
    (found, *_) = check_pair((chosen, AutoNormal(chosen)), X, np.array([0, 1, 2, 0, 1, 2])).failed
    said = "'choice' (test_from_forums.py:", "Categorical", "from 0 to 2, outside of its support"
    assert all(each in found.message for each in said), found


def transposed(x: Any) -> None:
    mean = numpyro.sample("mean", npdist.Normal(0, 1))
    with numpyro.plate("data", 6, dim=-2), numpyro.plate("column", 2):
        numpyro.sample("x", npdist.Normal(mean, 1.0), obs=x.T)


def test_a_value_that_does_not_fit_is_said_of_its_site() -> None:
    report = check_pair((transposed, lambda x: None), X, checks=["model-runs"])
    (found,) = (each for each in report.failed if each.check == "model-runs")
    assert "'x' (test_from_forums.py:" in found.message, found
    assert "a value of shape (2, 6)" in found.message, found


def some_rows_on_pyro(x: Tensor, *, follows: bool = True) -> None:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x), subsample_size=2) as rows:
        pyro.sample("x", dist.Normal(mean, 1.0), obs=x[rows] if follows else x[:2])


def some_rows_on_numpyro(x: Any, *, follows: bool = True) -> None:
    mean = numpyro.sample("mean", npdist.Normal(0, 1))
    with numpyro.plate("data", len(x), subsample_size=2) as rows:
        numpyro.sample("x", npdist.Normal(mean, 1.0), obs=x[rows] if follows else x[:2])


@pytest.mark.parametrize("model", [some_rows_on_pyro, some_rows_on_numpyro])
def test_rows_that_a_plate_draws_are_those_that_are_observed(model: Any) -> None:
    auto = AutoNormal if model is some_rows_on_pyro else NumPyroAutoNormal
    assert not check_pair((model, auto(model)), Y, checks=["data-matter"]).failed
    wrong = partial(model, follows=False)
    report = check_pair((wrong, auto(wrong)), Y, checks=["data-matter"])
    assert [each.site for each in report.failed] == ["x"], report
    assert "observes the same in all runs" in report.failed[0].message


def weighed_on_pyro(x: Tensor, weight: Tensor) -> None:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)), poutine.scale(scale=weight):
        pyro.sample("x", dist.Normal(mean, 1.0), obs=x)


def weighed_on_numpyro(x: Any, weight: Any) -> None:
    mean = numpyro.sample("mean", npdist.Normal(0, 1))
    with numpyro.plate("data", len(x)), handlers.scale(scale=weight):
        numpyro.sample("x", npdist.Normal(mean, 1.0), obs=x)


def mean_on_numpyro(x: Any, weight: Any) -> None:
    del x, weight
    numpyro.sample("mean", npdist.Normal(numpyro.param("loc", 0.0), 0.3))


@pytest.mark.parametrize(
    "pair",
    [(weighed_on_pyro, AutoNormal(weighed_on_pyro)), (weighed_on_numpyro, mean_on_numpyro)],
    ids=["pyro", "numpyro"],
)
def test_weights_below_zero(pair: Any) -> None:
    """The libraries refuse them, NumPyro where it sees a value."""
    assert not check_pair(pair, Y, np.abs(Y), checks=["arguments-in-range"]).failed
    report = check_pair(pair, Y, -np.abs(Y), checks=["arguments-in-range"])
    assert any("'x'" in each.message and "scale" in each.message for each in report.failed)
    with pytest.raises(PairError, match="scale"):
        fit(pair, (Y, -np.abs(Y)), steps=1, progress=False)


def spread(x: Tensor) -> None:
    scale = pyro.sample("scale", dist.HalfNormal(1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(0.0, scale), obs=x)


@pytest.mark.parametrize(("at", "level"), [(0.2, "failed"), (6.0, "noted")])
def test_a_guide_over_all_numbers_for_a_scale(at: float, level: str) -> None:
    """By 9 draws of Normal(at, 0.5): all of them are above 0 with probability .02 and 1."""

    def guide(x: Tensor) -> None:
        del x
        pyro.sample("scale", dist.Normal(pyro.param("at", torch.tensor(at)), 0.5))

    report = check_pair((spread, guide), Y, checks=["draws-in-support"])
    found = [each for each in report.findings if each.check == "draws-in-support"]
    assert [(each.site, each.outcome) for each in found] == [("scale", level)]
