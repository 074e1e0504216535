"""What is right, or somebody else's mistake, is not blamed; what has no meaning is skipped."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import rarer_mistakes  # noqa: F401  # adds to the table
import scipy.sparse
import torch
from mistakes import MISTAKES, X, generative, guide, heads, model, observe, prior, weight
from rarer_mistakes import ROWS, by_row, exact, mean_of_all
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from inference import check_pair, fit
from inference.errors import ObjectiveError
from ppl_models import create
from ppl_models.datasets import load


def closed_over() -> None:
    model(torch.tensor(X))


def guide_closed_over() -> None:
    guide(torch.tensor(X))


def rows_on_the_left(x: Tensor) -> None:
    with pyro.plate("data", len(x), dim=-2):
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 1, 2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z @ weight(), 1.0).to_event(1), obs=x[:, None])


def guide_on_the_left(x: Tensor) -> None:
    slope, scale = heads()
    with pyro.plate("data", len(x), dim=-2):
        pyro.sample("z", dist.Normal((x @ slope)[:, None], scale).to_event(1))


def response_of_zero(x: Tensor) -> None:
    with pyro.plate("data", len(x)):
        observe(prior() @ weight() + x, torch.zeros_like(x))


def warns_of_jax(x: Tensor) -> None:
    warnings.warn("jax.old is deprecated", DeprecationWarning, stacklevel=1)
    model(x)


INPUTS = torch.linspace(0, 2, 6)
SERIES = torch.tensor([[0, 1, 1, 0, 1], [1, 0, 0, 0, 1], [0, 0, 1, 1, 1]])
HALVES = torch.full((2, 2), 0.5)


def process_of_held_data() -> None:
    """As `pyro.contrib.gp.models.GPRegression`, which holds its rows, in float32."""
    length = pyro.param("length", torch.tensor(1.0), constraint=dist.constraints.positive)
    kernel = torch.exp(-0.5 * ((INPUTS - INPUTS[:, None]) / length) ** 2) + 0.1 * torch.eye(6)
    law = dist.MultivariateNormal(torch.zeros(6), scale_tril=torch.linalg.cholesky(kernel))
    pyro.sample("y", law, obs=INPUTS.sin())


def chain_of_any_length(x: Tensor) -> None:
    """A hidden Markov law whose steps are alike has an event of one step."""
    rate = pyro.param("rate", torch.tensor(0.7), constraint=dist.constraints.unit_interval)
    shown = dist.Bernoulli(torch.stack([rate, 1 - rate]))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.DiscreteHMM(HALVES[0].log(), HALVES.log(), shown), obs=x.float())


def topics(words: Tensor) -> None:
    """As Pyro's example of topics: the guide's plate chooses documents, for the model too."""
    with pyro.plate("documents", 7) as index:
        share = pyro.sample("share", dist.Beta(torch.ones(()), 1.0))
        with pyro.plate("words", len(words)):
            pyro.sample("word", dist.Bernoulli(share), obs=words[:, index])


def guide_of_topics(words: Tensor) -> None:
    more = pyro.param("more", torch.tensor(1.0), constraint=dist.constraints.positive)
    with pyro.plate("documents", 7, subsample_size=3) as index:
        pyro.sample("share", dist.Beta(more + words[:, index].sum(0), 2.0))


WORDS = (np.arange(35).reshape(5, 7) % 3 == 0).astype(np.float32)
RIGHT = {
    "held-in-float32": ((process_of_held_data, lambda: None), ()),
    "chain-of-any-length": ((chain_of_any_length, lambda x: None), (SERIES.numpy(),)),
    "rows-that-the-guide-chose": ((topics, guide_of_topics), (WORDS,)),
    "one-row": ((model, guide), (X[:1],)),
    "equal-rows": ((model, guide), (np.repeat(X[:1], 5, axis=0),)),
    "no-arguments": ((closed_over, guide_closed_over), ()),
    "dimension-of-one": ((rows_on_the_left, guide_on_the_left), (X,)),
    "constant-response": ((response_of_zero, guide), (X,)),
    "deprecations-of-jax": ((warns_of_jax, guide), (X,)),
    "mean-of-all-in-minibatches": (mean_of_all(40), (X,)),
    "parameters-by-index": (by_row(lambda rows: rows), (ROWS, X)),
    "exact-posterior": (exact(evidence=0.0, counted=1.0), (X,)),
}


@pytest.mark.parametrize("size", [(2, 1), [2, 1]], ids=str)
def test_a_shape_is_no_array_of_rows(size):
    """`fit` hands it on as it is; the check made it an array, of fewer rows than x."""

    def shaped(x: Tensor, size: tuple[int, ...] | list[int]) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(*size), 1.0).to_event(2))
            observe(z.flatten(-2) @ weight(), x)

    def guide_shaped(x: Tensor, size: tuple[int, ...] | list[int]) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            mean = (x @ slope).reshape(*x.shape[:-1], *size)
            pyro.sample("z", dist.Normal(mean, scale[:, None]).to_event(2))

    pair = shaped, guide_shaped
    fit(pair, (X, size), steps=1, batch_size=3, progress=False)
    report = check_pair(pair, X, size, checks=["batch", "rows-alone"])
    found = {each.check: each.outcome for each in report.findings}
    assert (found["batch"], found["rows-alone"]) == ("passed", "passed"), report


@pytest.mark.parametrize("name", RIGHT)
def test_right_program_has_no_mistake(name):
    pair, batch = RIGHT[name]
    report = check_pair(pair, *batch, engine="pyro")
    assert not report.failed, report


# A mistake, and checks that are not about it.
OTHERS = {
    "grey_under_bernoulli": ["data-in-support"],
    "bytes_under_bernoulli": ["draws-in-support", "guide-covers-support"],
    "guide_observes": ["guide-proposes-no-more", "latent-is-not-observed"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_mistake_is_not_blamed_on_others(name):
    planted = MISTAKES[name]
    report = check_pair(planted.pair, *planted.batch, checks=OTHERS[name])
    found = {each.check: each.outcome for each in report.findings}
    assert [found[check] for check in OTHERS[name]] == ["passed"] * len(OTHERS[name]), report


# Checks that say nothing about the Gaussian pair, and why.
SKIPPED = {
    "finite-edges": "not observed by a Bernoulli likelihood",
    "evidence-met-by-weights": "not known",
    "model-draws": "takes no size=",
}


@pytest.mark.parametrize("check", SKIPPED)
def test_what_has_no_meaning_is_skipped(check):
    (finding,) = check_pair((model, guide), X, checks=[check]).findings[-1:]
    assert finding.outcome == "skipped"
    assert SKIPPED[check] in finding.message


def test_weights_that_vary_too_much_are_not_judged():
    pair: Any = exact(evidence=0.0, counted=1.0)

    def far(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x + 3, 0.2).to_event(1))

    pair.guide = far
    report = check_pair(pair, X, checks=["evidence-met-by-weights", "bound-below-evidence"])
    found = {each.check: each for each in report.findings}
    assert found["bound-below-evidence"].outcome == "passed"
    assert "vary too much" in found["evidence-met-by-weights"].message


def test_a_site_with_two_bad_arguments_is_one_finding():
    def bad(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            nan = torch.full_like(x @ slope, torch.nan)
            pyro.sample("z", dist.Normal(nan, -scale, validate_args=False).to_event(1))

    report = check_pair((model, bad), X, checks=["arguments-in-range"])
    assert len(report.failed) == 1


def test_optional_arguments_may_hide_a_parameter_but_not_an_unused_one():
    def optional(x: Tensor, y: Tensor | None = None) -> None:
        alone, unused = pyro.param("alone", torch.ones(3)), pyro.param("unused", torch.ones(2))
        del unused
        shown = x if y is None else y
        with pyro.plate("data", len(x)):
            observe(prior() @ weight() + (alone if y is None else 0.0), shown)

    def optional_guide(x: Tensor, y: Tensor | None = None) -> None:
        del y
        guide(x)

    check = "model-parameters-have-gradients"
    (finding,) = check_pair((optional, optional_guide), X, X, checks=[check]).failed
    assert "'unused'" in finding.message
    assert "alone" not in finding.message


def test_kinks_are_not_blamed():
    """Finite differences over a kink disagree along one direction, and agree along another."""
    wide = torch.nn.Sequential(torch.nn.Linear(2, 200), torch.nn.ReLU(), torch.nn.Linear(200, 3))

    def kinked(x: Tensor) -> None:
        pyro.module("wide", wide)
        generative(wide)(x)

    checks = ["gradient-of-log-p", "gradient-through-draws"]
    assert not check_pair((kinked, guide), X, checks=checks).failed


def test_a_model_that_draws_and_returns_another_of_its_sites_is_told_which_objectives_take_it():
    """As `pyro.contrib.cevae`, whose model returns the outcome; MMD of means raised torch's own."""

    def returns_y(x: Tensor | None = None, y: Tensor | None = None, *, size: int = 1) -> Tensor:
        with pyro.plate("data", size if x is None else len(x)):
            mean = prior() @ weight()
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)
            return pyro.sample("y", dist.Normal(mean[..., 0], 1.0), obs=y)

    pair = returns_y, lambda x, y: guide(x)
    report = check_pair(pair, X, X[:, 0])
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["returns-a-point"]
    with pytest.raises(ObjectiveError, match=r"mean of the likelihood.*draw='sample'"):
        fit(pair, (X, X[:, 0]), objective="mmd", steps=1, progress=False)
    for objective in ("mmd:draw=sample", "infovae"):
        fit(pair, (X, X[:, 0]), objective=objective, steps=1, progress=False)


def test_a_model_that_draws_and_returns_nothing_is_told_which_objectives_take_it():
    """As most programs of both libraries, which return nothing."""

    def silent(x: Tensor | None = None, *, size: int = 1) -> None:
        with pyro.plate("data", size if x is None else len(x)):
            pyro.sample("x", dist.Normal(prior() @ weight(), 1.0).to_event(1), obs=x)

    report = check_pair((silent, guide), X)
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["returns-a-point"]
    with pytest.raises(ObjectiveError, match=r"mean of the likelihood.*draw='sample'"):
        fit((silent, guide), X, objective="mmd", steps=1, progress=False)
    assert fit((silent, guide), X, steps=1, progress=False).sample(4).shape == (4, 3)


HELD = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
AS_OTHERS_HOLD_THEM = {
    "loader": lambda: DataLoader(TensorDataset(torch.tensor(HELD)), batch_size=4),
    "batches": lambda: [HELD[:4], HELD[4:]],
    "sparse matrix": lambda: scipy.sparse.csr_matrix(HELD),
}
NO_BATCH = {
    "generator": (lambda: (part for part in [HELD]), "gives its batches once; pass one of them"),
    "dataset": (lambda: load("digits"), r"a Dataset; pass one of its splits"),
    "tensors": (lambda: TensorDataset(torch.tensor(HELD)), r"pass what is in its \.tensors"),
}


@pytest.fixture(scope="module")
def ppca() -> Any:
    return create("ppca", engine="pyro", data_dim=4, latent_dim=2, seed=0)


@pytest.mark.parametrize("kind", AS_OTHERS_HOLD_THEM)
def test_a_pair_is_looked_at_on_the_rows_of_what_holds_them(kind: str, ppca: Any) -> None:
    report = check_pair(ppca, AS_OTHERS_HOLD_THEM[kind](), checks=["runs-together"])
    assert {each.outcome for each in report.findings} == {"passed"}


@pytest.mark.parametrize("kind", NO_BATCH)
def test_what_is_no_batch_is_not_blamed_on_the_pair(kind: str, ppca: Any) -> None:
    made, words = NO_BATCH[kind]
    report = check_pair(ppca, made(), checks=["runs-together"])
    (wrong,) = (each for each in report.findings if each.outcome == "failed")
    assert wrong.check == "batch"
    assert re.search(words, wrong.message)


def test_rectified_units_that_let_nothing_through_yet_are_no_mistake() -> None:
    """At these first values none lets the entry before through where it is 1."""
    pair = create(
        "recurrent", engine="pyro", data_dim=1, length=3, hidden_dim=2, hidden=[3, 5], seed=428
    )
    x = np.zeros((5, 3, 1), np.float32)
    x[1, 0] = x[3, 1] = x[3, 2] = 1.0
    assert not check_pair(pair, x).failed
