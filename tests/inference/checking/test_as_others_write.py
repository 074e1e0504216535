"""What programs of others do, and is no mistake; and its relatives, which are."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from pyro import poutine
from pyro.infer import config_enumerate
from pyro.infer.autoguide import AutoDiagonalNormal, AutoNormal
from torch import Tensor, nn

from inference import check_pair

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 0]]


class Classifier(nn.Module):
    """As M2's second loss: of an object with three networks, registered whole, it calls one."""

    def __init__(self, *, apart: bool = False) -> None:
        super().__init__()
        self.label, self.decode = nn.Linear(3, 2), nn.Linear(2, 3)
        self.apart = apart

    def model(self, x: Tensor, y: Tensor | None = None) -> None:
        if self.apart:
            pyro.module("label", self.label)
            pyro.module("decode", self.decode)
        else:
            pyro.module("whole", self)
        with pyro.plate("data"):
            if y is not None:
                pyro.sample("y", dist.OneHotCategorical(logits=self.label(x)), obs=y)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        pass


@pytest.mark.parametrize("apart", [False, True])
def test_an_object_that_is_registered_whole(apart: bool) -> None:
    """Registered by itself, a network that nothing calls is a mistake."""
    pair = Classifier(apart=apart)
    checks = ["model-parameters-have-gradients"]
    report = check_pair((pair.model, pair.guide), X, LABELS, checks=checks)
    assert [each.check for each in report.failed] == (checks if apart else [])
    assert bool(report.notes) is not apart


class Conditional(nn.Module):
    """What was trained before stays as it is in one call, and goes on learning in the shorter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.proposal, self.decode = nn.Linear(3, 3), nn.Linear(6, 2), nn.Linear(2, 3)

    def model(self, x: Tensor, y: Tensor | None = None) -> None:
        pyro.module("net", self)
        with pyro.plate("data"):
            with torch.no_grad():
                guess = self.before(x).sigmoid()
            z = pyro.sample("z", dist.Normal(guess[:, :2], 1.0).to_event(1))
            if y is not None:
                pyro.sample("y", dist.Normal(self.decode(z), 1.0).to_event(1), obs=y)

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        seen = self.before(x) if y is None else y
        with pyro.plate("data"):
            mean = self.proposal(torch.cat([x, seen], -1))
            pyro.sample("z", dist.Normal(mean, 0.5).to_event(1))


def test_a_batch_without_labels_teaches_their_classifier_nothing() -> None:
    part = Classifier()
    report = check_pair((part.model, part.guide), X)
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["model-observes"]
    assert "pass one of these" in report.limits[0].message


def test_a_network_that_one_call_holds_and_another_trains() -> None:
    pair = Conditional()
    report = check_pair((pair.model, pair.guide), X, 2 * X, checks=["gradient-through-draws"])
    assert not report.failed


MISSING = 1e-6


def steps_with_gaps(x: Tensor) -> None:
    gap = x == MISSING
    rate = pyro.param("rate", torch.tensor(1.0), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        pyro.sample("gap", dist.Bernoulli(0.3), obs=gap.float())
        law = dist.MaskedMixture(gap, dist.Exponential(rate), dist.Delta(torch.tensor(MISSING)))
        pyro.sample("step", law, obs=x)


def test_numbers_that_are_compared_round_elsewhere_in_float64() -> None:
    steps = np.array([0.5, MISSING, 2.0], dtype=np.float32)
    report = check_pair((steps_with_gaps, lambda x: None), steps, checks=["float32-is-enough"])
    assert not report.failed


def target(scale: float) -> None:
    pyro.sample("z", dist.Normal(0.0, scale))


def test_a_density_without_data() -> None:
    """What normalising flows are tried on; a model that is given data has to observe them."""
    report = check_pair((target, AutoNormal(target)), 2.0)
    assert not report.failed
    assert "model-observes" in [each.check for each in report.limits]

    def forgetful(x: Tensor) -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(z, 1.0))

    checks = ["model-observes"]
    report = check_pair((forgetful, AutoNormal(forgetful)), X[:, 0], checks=checks)
    assert [each.check for each in report.failed] == checks


def test_a_hard_constraint_is_none_of_the_prior() -> None:
    """The guide begins within it."""

    def above(x: Tensor) -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.factor("above", torch.where(z > 3.0, 0.0 * z, -torch.inf))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    within = AutoNormal(above, init_loc_fn=lambda site: torch.tensor(4.0), init_scale=0.01)
    report = check_pair((above, within), X[:, 0], checks=["finite-at-prior-draws"])
    assert not report.failed
    assert "a hard constraint" in str(report.notes)


@config_enumerate
def never_back(x: Tensor) -> None:
    """An animal that is dead is not seen: of the states that are summed over, most cannot be."""
    seen = pyro.sample("seen", dist.Uniform(0.0, 1.0))
    with pyro.plate("data", len(x)):
        alive = torch.ones(len(x))
        for step in pyro.markov(range(x.shape[1])):
            alive = pyro.sample(f"z_{step}", dist.Bernoulli(0.5 * alive))
            pyro.sample(f"x_{step}", dist.Binomial(2, seen * alive), obs=x[:, step])


def test_states_that_are_summed_over_may_be_impossible() -> None:
    guide = AutoDiagonalNormal(poutine.block(never_back, expose=["seen"]))
    checks = ["finite-log-p", "finite-at-prior-draws"]
    report = check_pair((never_back, guide), np.ones((4, 3), np.float32), checks=checks)
    assert not report.failed


def honest_or_not(x: Any) -> None:
    """A rater who tells the truth gives the class that it is; other answers are impossible."""
    ninths: Any = np.ones(9) / 9
    honest_or_guessing: Any = npdist.Bernoulli(0.9)
    summed = {"enumerate": "parallel"}
    with numpyro.plate("items", len(x)):
        truth: Any = npdist.Categorical(ninths)
        of: Any = numpyro.sample("of", truth, infer=summed)
        honest: Any = numpyro.sample("honest", honest_or_guessing, infer=summed)
        guess: Any = numpyro.param("guess", ninths)
        probs: Any = jnp.where(honest[..., None] == 1, of[..., None] == np.arange(9), guess)
        said: Any = npdist.Categorical(probs)
        numpyro.sample("x", said, obs=x)


def test_answers_that_no_prior_draw_gives_are_summed_over() -> None:
    checks = ["finite-log-p", "finite-at-prior-draws"]
    report = check_pair((honest_or_not, lambda x: None), np.arange(8), checks=checks)
    assert not report.failed


def test_data_fill_a_plate_without_a_size() -> None:
    """Pyro leaves the distribution as it is: one probability, ten throws."""

    def coin(x: Tensor) -> None:
        fair = pyro.sample("fair", dist.Beta(10.0, 10.0))
        with pyro.plate("throws"):
            pyro.sample("x", dist.Bernoulli(fair), obs=x)

    report = check_pair((coin, AutoNormal(coin)), np.array([1.0, 0, 1, 1, 0], np.float32))
    assert not report.failed


def test_counts_of_several_totals_under_a_multinomial_of_pyro() -> None:
    """Torch's density is of any total: the one that is given only decides what is drawn."""

    def words(x: Tensor) -> None:
        logits = pyro.param("logits", torch.zeros(3))
        with pyro.plate("documents", len(x)):
            law = dist.Multinomial(int(x.sum(-1).max()), logits=logits, validate_args=False)
            pyro.sample("x", law, obs=x)

    counts = np.array([[1, 2, 0], [0, 1, 0], [3, 3, 1]], np.float32)
    checks = ["data-in-support"]
    assert not check_pair((words, lambda x: None), counts, checks=checks).failed
    halves = check_pair((words, lambda x: None), counts + 0.5, checks=checks)
    assert [each.check for each in halves.failed] == checks


def series(mean: Any) -> Any:
    def model(x: Tensor) -> None:
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("time", len(x)):
            pyro.sample("x", dist.Normal(mean(x, slope), 1.0), obs=x)

    return model, AutoNormal(model)


def test_rows_that_know_their_place() -> None:
    """A trend is right for all rows at once; a sum over the rows before mixes them."""
    checks = ["rows-change-places", "rows-alone"]
    trend = series(lambda x, slope: slope * torch.arange(float(len(x))))
    report = check_pair(trend, X[:, 0], checks=checks)
    assert not report.failed
    assert [each.check for each in report.limits] == checks
    summed = series(lambda x, slope: slope * x.cumsum(0))
    assert check_pair(summed, X[:, 0], checks=checks).failed


def walk(level: Any) -> Any:
    def model(x: Tensor) -> None:
        with pyro.plate("time", len(x)):
            steps = pyro.sample("steps", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(level(x, steps), 1.0), obs=x)

    return model, AutoNormal(model)


@pytest.mark.parametrize(
    ("level", "right"),
    [
        (lambda x, steps: steps.cumsum(-1), True),
        (lambda x, steps: steps + x.cumsum(-1), False),
        (lambda x, steps: steps - steps.mean(-1, keepdim=True), False),
    ],
    ids=["walk", "sum of data", "mean"],
)
def test_a_walk_goes_on_from_the_latents_before(level: Any, right: bool) -> None:
    """With a parameter for each step it is of all rows at once, and no row has a weight."""
    checks = ["rows-change-places", "rows-alone", "rows-count-once-each"]
    report = check_pair(walk(level), X[:, 0], checks=checks)
    assert [each.check for each in report.limits] == (checks if right else [])
    assert ("rows-alone" in [each.check for each in report.failed]) is not right
    assert ("random walk" in str(report.limits)) is right


def test_advice_on_angles_is_a_note() -> None:
    def direction(x: Any) -> None:
        mean = numpyro.sample("mean", npdist.VonMises(0.0, 2.0))
        with numpyro.plate("data", len(x)):
            numpyro.sample("x", npdist.VonMises(mean, 3.0), obs=x)

    pair = (direction, NumPyroAutoNormal(direction))
    report = check_pair(pair, X[:, 0], checks=["no-warnings"])
    assert not report.failed
    assert "circular" in str(report.notes)


def test_a_latent_without_entries_needs_no_gradient() -> None:
    """The weights of no covariates, as in a forecast of a series by itself."""

    def model(x: Tensor, covariates: Tensor) -> None:
        weights = pyro.sample(
            "weights", dist.Normal(torch.zeros(covariates.shape[1]), 1.0).to_event(1)
        )
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal((covariates * weights).sum(-1), 1.0), obs=x)

    def guide(x: Tensor, covariates: Tensor) -> None:
        mean = pyro.param("mean", torch.zeros(covariates.shape[1]))
        pyro.sample("weights", dist.Normal(mean, 1.0).to_event(1))

    assert not check_pair((model, guide), X[:, 0], X[:, :0]).failed
    report = check_pair((model, guide), X[:, :0], X[:, 0], checks=["batch"])
    assert [each.check for each in report.failed] == ["batch"]
