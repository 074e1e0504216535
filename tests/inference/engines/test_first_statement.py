"""The library of a program that names none is told by the first statement that it makes."""

from __future__ import annotations

import importlib
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpyro
import pyro
import pyro.distributions as torch_dist
import pytest
import torch

from inference import check_pair, fit, log_likelihood, valid_objectives
from inference.engines import engine_name
from inference.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


class Program:
    """A linear decoder that is handed its library; it says nothing of it in its own code."""

    def __init__(self, engine: str, first: str = "sample") -> None:
        self.ppl: Any = importlib.import_module(engine)
        self.dist: Any = importlib.import_module(f"{engine}.distributions")
        self.zeros = torch.zeros if engine == "pyro" else np.zeros
        self.first, self.reached = first, 0

    def model(self, x: Any, width: int) -> None:
        random.random()
        np.random.rand()
        torch.rand(1)
        if self.first == "param":
            self.ppl.param("unused", self.zeros(2))
        with self.ppl.plate("rows", len(x)):
            z = self.ppl.sample("z", self.dist.Normal(self.zeros(width), 1.0).to_event(1))
            self.reached += 1
            mean = z.sum(-1)[..., None] + x * 0
            self.ppl.sample("x", self.dist.Normal(mean, 1.0).to_event(1), obs=x)

    def guide(self, x: Any, width: int) -> None:
        loc = self.ppl.param("loc", self.zeros(width))
        with self.ppl.plate("rows", len(x)):
            self.ppl.sample("z", self.dist.Normal(loc, 1.0).to_event(1))


def lambdas(program: Program) -> Any:
    return lambda x: program.model(x, 2), lambda x: program.guide(x, 2)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_an_attribute_is_no_name_of_the_file(engine):
    """`words.torch_dist` of another library's words, where the file has a `torch_dist` too."""
    program = Program(engine)
    words = SimpleNamespace(torch_dist=program.dist, pyro=program.ppl)

    def model(x: Any) -> None:
        with words.pyro.plate("rows", len(x)):
            z = words.pyro.sample("z", words.torch_dist.Normal(x[:, 0] * 0, 1.0))
            words.pyro.sample("x", words.torch_dist.Normal(z, 1.0), obs=x[:, 0])

    assert engine_name((model, lambda x: model(x)), X) == engine


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_lambdas_need_no_engine(engine):
    """Each call of its own, on a pair that nobody has looked at before."""
    assert valid_objectives(lambdas(Program(engine)), X).valid
    assert check_pair(lambdas(Program(engine)), X, checks=["model-runs"]).passed
    run = fit(lambdas(Program(engine)), X, steps=2, progress=False)
    assert run.pair.engine == engine
    assert np.isfinite(log_likelihood(lambdas(Program(engine)), X, num_particles=2).mean)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("first", ["sample", "param"])
@pytest.mark.parametrize(
    "data",
    [X, (X,), [X], [(X,)], [{"x": X}], SimpleNamespace(train=X, valid=X)],
    ids=["array", "tuple", "list", "tuples", "keywords", "dataset"],
)
def test_whatever_form_the_data_have(engine, first, data):
    assert engine_name(lambdas(Program(engine, first)), data) == engine


def states() -> tuple[Any, ...]:
    """Of the three global generators."""
    arrays: Any = np.random.get_state()
    return random.getstate(), arrays[1].tobytes(), torch.random.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_look_leaves_no_trace(engine):
    program, store = Program(engine, "param"), dict(pyro.get_param_store())
    before = states()
    engine_name(lambdas(program), X)
    assert states() == before
    assert dict(pyro.get_param_store()) == store
    assert program.reached == 0  # stopped at its first statement


def test_a_look_uses_up_no_iterator():
    batches = iter([X])
    with pytest.raises(ArgumentError, match="pass engine="):
        engine_name(lambdas(Program("pyro")), batches)
    assert next(batches) is X


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_the_guide_tells_where_the_model_makes_no_statement(engine):
    assert engine_name((lambda x: None, lambdas(Program(engine))[1]), X) == engine


def test_what_the_module_imports_is_no_proof():
    """It counts where there are no data to run a program on."""
    space = {"pyro": pyro, "own": Program("numpyro")}
    exec("def model(x): own.model(x, 2)\ndef guide(x): own.guide(x, 2)", space)
    assert engine_name((space["model"], space["guide"]), X) == "numpyro"
    assert engine_name((space["model"], space["guide"])) == "pyro"


def test_a_contradiction_needs_the_argument():
    def in_pyro(x):
        pyro.sample("z", torch_dist.Normal(0.0, 1.0))

    def in_numpyro(x):
        numpyro.sample("z", numpyro.distributions.Normal(0.0, 1.0))

    with pytest.raises(ArgumentError, match="pass engine="):
        engine_name((in_pyro, in_numpyro), X)
