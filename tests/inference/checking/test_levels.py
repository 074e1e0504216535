"""Errors, limits and notes: what is wrong, what is right under some objectives, what is meant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from mistakes import X, generative, guide, heads, model, observe, prior, weight
from pyro.infer import Trace_ELBO
from rarer_mistakes import mean_of_all
from torch import Tensor

from inference import check_pair, valid_objectives
from inference.engines import ENGINES
from inference.errors import ArgumentError
from ppl_models import create


def levels(pair: Any, check: str, *batch: Any, **settings: Any) -> list[tuple[str | None, str]]:
    """Of one check, levels and messages."""
    report = check_pair(pair, *batch, checks=[check], **settings)
    return [(each.level, each.message) for each in report.findings if each.check == check]


def test_a_mean_of_all_rows_in_a_plate_of_the_batch():
    check, wrong = "globals-count-once", mean_of_all(None)
    ((level, _),) = levels(wrong, check, X)
    assert level == "note"
    ((level, said),) = levels(wrong, check, X, rows=40)
    assert level == "error"
    assert "plate('data', 40, subsample_size=len(x))" in said
    for right, rows in ((wrong, len(X)), (mean_of_all(40), 40), (mean_of_all(40), None)):
        assert [level for level, _ in levels(right, check, X, rows=rows)] == [None]
    with pytest.raises(ArgumentError, match="rows"):
        check_pair(wrong, X, rows=0)


def by_scale(x: Tensor) -> None:
    """The likelihood of a minibatch times N / n, written by hand."""
    mean = pyro.sample("mean", dist.Normal(torch.zeros(3), 10.0).to_event(1))
    with pyro.poutine.scale(scale=40 / len(x)), pyro.plate("data", len(x)):
        observe(mean, x)


def test_a_scale_may_make_up_for_the_plate():
    pair = by_scale, mean_of_all(None)[1]
    assert levels(pair, "globals-count-once", X, rows=40) == [
        (None, "what is drawn for all rows is weighed against all rows.")
    ]


def by_share(whole: float, rows: float, average: float) -> Any:
    """A model and a guide of a global mean, each part under a scale of its own."""

    def model(x: Tensor) -> None:
        with pyro.poutine.scale(scale=1 / whole):
            mean = pyro.sample("mean", dist.Normal(torch.zeros(3), 10.0).to_event(1))
        with pyro.poutine.scale(scale=rows / len(x) ** average), pyro.plate("data", len(x)):
            observe(mean, x)

    def guide(x: Tensor) -> None:
        with pyro.poutine.scale(scale=1 / whole):
            mean_of_all(None)[1](x)

    return model, guide


@pytest.mark.parametrize(
    ("weights", "among_forty", "among_some"),
    [
        ((1.0, 40.0, 1.0), None, None),  # N / n
        ((40.0, 1.0, 1.0), None, None),  # 1 / N and 1 / n
        ((7.0, 1.0, 1.0), "error", None),  # another N than there are
        ((1.0, 1.0, 1.0), "error", "error"),  # an average beside a whole prior
        ((40.0, 1.0, 2.0), "error", "error"),
    ],
)
def test_weights_by_hand_are_no_average(
    weights: tuple[float, float, float], among_forty: str | None, among_some: str | None
) -> None:
    pair = by_share(*weights)
    for check in ("rows-count-once-each", "rows-alone"):
        assert [level for level, _ in levels(pair, check, X, rows=40)] == [among_forty]
        assert [level for level, _ in levels(pair, check, X)] == [among_some]


@pytest.mark.parametrize("check", ["rows-count-once-each", "rows-alone"])
def test_the_size_of_the_batch_is_no_place_in_a_series(check: str) -> None:
    def by_their_number(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            observe(prior() @ weight() / len(x), x)

    ((level, said),) = levels((by_their_number, guide), check, X)
    assert level == "error"
    assert "len(x)" in said
    assert [level for level, _ in levels(mean_of_all(40), check, X)] == [None]


def test_a_limit_names_the_objectives_that_train_the_pair_and_those_that_do_not():
    def bare(x: Tensor) -> None:
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(2))
        pyro.sample("x", dist.Normal(z @ weight(), 1.0).to_event(2), obs=x)

    def bare_guide(x: Tensor) -> None:
        slope, scale = heads()
        pyro.sample("z", dist.Normal(x @ slope, scale).to_event(2))

    ((level, said),) = levels((bare, bare_guide), "data-in-plate", X)
    validity = valid_objectives((bare, bare_guide), X)
    assert level == "limit"
    assert f"under {', '.join(validity.valid)} (not under {', '.join(validity.refused)})" in said
    assert not check_pair((bare, bare_guide), X).failed


def test_a_penalty_is_left_to_the_losses_of_the_library():
    def penalised(x: Tensor) -> None:
        pyro.factor("penalty", -(weight() ** 2).sum())
        model(x)

    report = check_pair((penalised, guide), X)
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["objectives"]
    pyro.clear_param_store()
    Trace_ELBO().loss_and_grads(penalised, guide, torch.tensor(X))
    pyro.clear_param_store()


def seeing(auxiliary: bool | None) -> Any:
    """A guide that observes what the model observes, marked or not, or something of its own."""

    def observes(x: Tensor) -> None:
        guide(x)
        with pyro.plate("rows", len(x)):
            law = dist.Normal(x @ heads()[0] @ torch.ones(2, 3), 1.0).to_event(1)
            infer: Any = {"is_auxiliary": True} if auxiliary else {}
            pyro.sample("seen" if auxiliary is None else "x", law, obs=x, infer=infer)

    return observes


@pytest.mark.parametrize(("auxiliary", "level"), [(True, None), (False, "limit"), (None, "error")])
def test_what_a_guide_observes(auxiliary, level):
    found = levels((model, seeing(auxiliary)), "guide-observes-nothing", X)
    assert [each for each, _ in found] == [level]


def test_a_network_under_no_grad_is_a_note_and_one_that_is_cut_an_error():
    encoder = torch.nn.Linear(3, 2)

    def before(x: Tensor, *, cut: bool = False) -> None:
        pyro.module("encoder", encoder)
        with torch.set_grad_enabled(cut):
            features = encoder(x)
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            mean = features.detach() @ slope[:2]
            pyro.sample("z", dist.Normal(mean, scale).to_event(1))

    report = check_pair((model, before), X)
    assert not report.failed, report
    (note,) = [each for each in report.notes if each.check == "guide-parameters-have-gradients"]
    assert "'encoder.weight', 'encoder.bias'" in note.message
    report = check_pair((model, lambda x: before(x, cut=True)), X, engine="pyro")
    assert [each.check for each in report.failed] == ["guide-parameters-have-gradients"]


def test_a_network_that_was_trained_before_need_not_be_registered():
    known = torch.nn.GRU(3, 2, batch_first=True)

    def with_features(x: Tensor, *, gradients: bool) -> None:
        with torch.set_grad_enabled(gradients):
            features = known(x[:, None])[0][:, 0]
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope + features, scale).to_event(1))

    check = "networks-are-registered"
    for gradients, expected in ((False, "note"), (True, "error")):
        found = check_pair((model, Guide(with_features, known, gradients)), X, checks=[check])
        assert [f.level for f in found.findings if f.check == check] == [expected]


class Guide:
    """A guide that holds a network."""

    def __init__(self, function: Any, network: Any, gradients: bool) -> None:
        self.function, self.network, self.gradients = function, network, gradients

    def __call__(self, x: Tensor) -> None:
        self.function(x, gradients=self.gradients)


def test_a_frozen_part_of_the_model_is_a_note_and_an_unused_one_an_error():
    def frozen(x: Tensor) -> None:
        offset = pyro.param("offset", torch.full((3,), 0.3)).detach()
        generative(lambda z: z @ weight() + offset)(x)

    report = check_pair((frozen, guide), X)
    assert not report.failed, report
    assert [each.check for each in report.notes] == ["model-parameters-have-gradients"]


def generator(*, frozen: bool = False) -> Any:
    """A model that observes nothing; what it computes is the draw."""
    net = torch.nn.Linear(2, 3)

    def draws(x: Tensor | None = None, *, size: int = 1) -> Tensor:
        pyro.module("net", net)
        with pyro.plate("data", size if x is None else len(x)):
            z = prior()
            with torch.set_grad_enabled(not frozen and torch.is_grad_enabled()):
                return pyro.deterministic("draw", net(z), event_dim=1)

    def noise(x: Tensor | None = None, *, size: int = 1) -> None:
        with pyro.plate("data", size if x is None else len(x)):
            prior()

    return draws, noise


def test_a_generator_has_no_likelihood_but_gradients():
    report = check_pair(generator(), X)
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["model-observes"]
    report = check_pair(generator(frozen=True), X)
    assert [each.check for each in report.failed] == ["model-parameters-have-gradients"]


def test_a_network_in_a_list_that_is_not_registered():
    nets = {"encoders": [torch.nn.Linear(3, 2)]}

    def forgetful(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(nets["encoders"][0](x), heads()[1]).to_event(1))

    ((level, said),) = levels((model, forgetful), "networks-are-registered", X)
    assert level == "error"
    assert "'nets.encoders.0'" in said


def schools(x: Tensor) -> None:
    """As many schools as there are; no minibatches of them."""
    mean = pyro.sample("mean", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("schools", 5):
        z = pyro.sample("z", dist.Normal(mean, 1.0).to_event(1))
        observe(z, x)


def schools_guide(x: Tensor) -> None:
    pyro.sample("mean", dist.Normal(pyro.param("all", torch.zeros(3)), 0.3).to_event(1))
    with pyro.plate("schools", 5):
        own = pyro.param("own", lambda: torch.full((5, 3), -1.23915))
        pyro.sample("z", dist.Normal(own + 0 * x, 0.3).to_event(1))


def test_a_program_of_all_rows_is_a_limit_and_says_no_equal_digits():
    report = check_pair((schools, schools_guide), X)
    assert not report.failed, report
    assert [each.check for each in report.limits] == ["other-batch-sizes"]


def test_what_torch_warns_of_is_a_note_and_what_the_program_warns_of_an_error():
    def copied(z: Tensor) -> Tensor:
        return z @ torch.tensor(weight().detach()) + 0 * weight().sum()  # "To copy construct ..."

    def own(z: Tensor) -> Tensor:
        warnings.warn("beware.", stacklevel=1)
        return z @ weight()

    for mean, level, words in ((copied, "note", "To copy construct"), (own, "error", "beware")):
        ((found, said),) = levels((generative(mean), guide), "no-warnings", X)
        assert (found, words in said) == (level, True)


@pytest.mark.parametrize("engine", ENGINES)
def test_grey_values_of_binary_units_are_a_limit(engine: str) -> None:
    """Both libraries refuse such values where they validate; training does not."""
    pair = create("vae", engine=engine, data_dim=3, latent_dim=2, hidden=[4])
    report = check_pair(pair, np.random.default_rng(0).random((7, 3)).astype(np.float32))
    assert not report.failed
    assert [each.check for each in report.findings if each.level == "limit"] == [
        "whole-numbers-where-counted"
    ]
