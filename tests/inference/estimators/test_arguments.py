"""What can be asked of the laboratory, and what it leaves as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import one_gaussian as og
import pyro
import pytest
import tiny_belief_net as tb
import torch

from inference import (
    ELBO,
    IWAE,
    MIWAE,
    MMD,
    RLOO,
    RWS,
    Adversarial,
    Concrete,
    Enumerated,
    EstimatorReport,
    Renyi,
    estimator_report,
)
from inference.errors import ArgumentError, DataError, DivergenceError, ObjectiveError

HOSTILE = ["<script>alert(1)</script>", "_$x_\\frac$", "\"'&</p>", "$"]


def quick(objectives: Any, **keywords: Any) -> EstimatorReport:
    settings = {"num_draws": 40, "num_particles": 2, "reference_draws": 0, **keywords}
    return estimator_report(og.pair("pyro"), objectives, settings.pop("batch", og.X), **settings)


def belief(objectives: Any, **keywords: Any) -> EstimatorReport:
    pair, x = tb.pair("pyro", tb.parameters()), tb.data(3).astype(np.float32)
    settings = {"num_draws": 40, "num_particles": (1, 2), **keywords}
    return estimator_report(pair, objectives, x, **settings)


def test_objectives_come_as_functions_strings_and_themselves() -> None:
    given = {
        "class": IWAE,
        "function": lambda k: MIWAE(3, k),
        "swept": "iwae",
        "settings": "miwae:num_outer=3",
        "fixed": "iwae:num_particles=4",
        "itself": IWAE(4),
    }
    report = quick(given, num_particles=(3, 2, 3))
    guide = [m for m in report.measurements if m.group == "guide"]
    kinds = {(m.label, m.num_particles): m.objective for m in guide}
    two, three = "IWAE(num_particles=2)", "MIWAE(num_outer=3, num_particles=3)"
    assert kinds["class", 2] == kinds["swept", 2] == two
    assert kinds["function", 3] == kinds["settings", 3] == three
    assert kinds["fixed", 4] == kinds["itself", 4] == "IWAE(num_particles=4)"
    assert len(guide) == 4 * 2 + 2
    assert len(report.table()) == 2 * len(guide)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({}, "one or more"),
        (IWAE, "must be {label: objective}"),
        ({3: IWAE}, "must be a string to read"),
        ({"a": 3}, r"objectives\['a'\] must be an objective"),
        ({"a": "ivae"}, "Did you mean"),
        ({"a": "iwae:beta=2"}, "beta"),
        ({"a": Enumerated}, "cannot be called with K=2"),
        ({"a": Concrete, "b": lambda k: Concrete(k)}, "num_particles must be K"),
        ({"a": lambda k: k}, "must give an objective for K=2"),
    ],
)
def test_objectives_that_mean_nothing_are_refused(objectives: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        quick(objectives)


@pytest.mark.parametrize(
    "given", [{"a": MMD()}, {"a": "adversarial"}, {"a": lambda k: Adversarial()}]
)
def test_losses_that_are_no_bounds_are_refused(given: Any) -> None:
    with pytest.raises(ObjectiveError, match="the gradient of no bound"):
        quick(given)
    with pytest.raises(ObjectiveError, match=r"^reference is MMD.*the gradient of no bound"):
        quick({"a": IWAE}, reference=MMD())


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"num_draws": 39}, ArgumentError, "num_draws must be at least 40"),
        ({"num_draws": None}, ArgumentError, "num_draws must be at least 40"),
        ({"num_particles": ()}, ArgumentError, "one K or several"),
        ({"num_particles": (1, 0)}, ArgumentError, "num_particles must be a whole number"),
        ({"reference_draws": -1}, ArgumentError, "reference_draws must be a whole number"),
        ({"seed": -1}, ArgumentError, "seed must be"),
        ({"engine": "jax"}, ArgumentError, "engine must be"),
        ({"batch": og.X[:0]}, DataError, "batch is empty"),
        ({"batch": og.X * np.nan}, DataError, "NaN"),
        ({"batch": og.X * 1e30}, DivergenceError, "the value of IWAE.* is not finite"),
        ({"reference": 3}, ArgumentError, "reference must be {parameter: gradient"),
        ({"reference": {}}, ArgumentError, "reference is empty"),
        ({"reference": {"w": 1}}, ArgumentError, "'w', which is no parameter .* are b, m, s"),
        ({"reference": {"m": 1.0}}, ArgumentError, "reference lacks 's' of the guide's"),
        ({"reference": {"b": [1.0]}}, ArgumentError, r"reference\['b'\] must be .* shape \(\)"),
        ({"reference": {"b": np.inf}}, ArgumentError, "not finite"),
        ({"reference": IWAE(3)}, ArgumentError, "reference_draws=0"),
    ],
)
def test_bad_arguments_are_refused(keywords: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        quick({"IWAE": IWAE}, **keywords)


def test_what_does_not_exist_is_reported_beside_what_does() -> None:
    report = belief({"RLOO": RLOO, "IWAE": IWAE})
    assert {(m.label, m.num_particles) for m in report.measurements} == {("RLOO", 2)}
    assert set(report.refused) == {("RLOO", 1), ("IWAE", 1), ("IWAE", 2)}
    lines = repr(report).splitlines()
    assert lines[1].startswith("no RLOO at K = 1: ")
    assert lines[2].startswith("no IWAE at K = 1, 2: ")
    assert "'b' is not reparameterised" in lines[2]
    assert len(lines) == 3
    with pytest.raises(ObjectiveError, match=r"'IWAE' with K=1: .*not reparameterised"):
        belief({"IWAE": IWAE})


def test_reference_only_where_there_is_one() -> None:
    """RWS's guide follows no bound's gradient, Renyi's is another one; baselines have a rule."""
    table = belief({"RWS": RWS(1), "ELBO": ELBO(beta=2.0)}).table().set_index(["label", "group"])
    assert table.reference["RWS", "model"] == "Enumerated(), exact"
    assert table.reference["RWS", "guide"] == table.reference["ELBO", "model"] == ""
    assert np.isnan(table.bias["RWS", "guide"])
    assert np.isnan(table.bias["ELBO", "model"])
    given = {"b": np.zeros(())}
    table = quick({"Renyi": Renyi(0.5, 2)}, reference=given).table().set_index("group")
    assert dict(table.reference) == {"model": "given", "guide": ""}


def test_gradients_without_noise_have_no_errors_and_no_picture() -> None:
    report = belief({"exact": Enumerated()})
    table = report.table()
    assert (table.variance == 0).all()
    assert np.isinf(table.snr).all()
    assert (table.snr_error == 0).all()
    assert (table.bias_p == 1).all()
    assert report.slopes().empty
    with pytest.raises(ArgumentError, match="nothing to draw"):
        report.plot()


def test_hostile_labels_are_inert() -> None:
    report = quick(dict.fromkeys(HOSTILE, IWAE(2)))
    page = report._repr_html_()
    assert page.count("<script") == page.count("'&<") == 0
    assert "&lt;script&gt;" in page
    assert page.count("</p>") == 1
    picture = report.plot()
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert [text.get_text().strip() for text in picture.legends[0].get_texts()] == [
        label.replace("$", "\\$") for label in HOSTILE
    ]


def test_trained_functions_are_taken_as_they_are_and_left_so() -> None:
    """Pyro's store, its random state and the gradients in it are the user's."""
    model, guide = og.pair("pyro")
    exact = {"b": 0.0, "m": 0.0, "s": 0.0}
    store: Any = pyro.get_param_store()
    with store.scope():
        store.setdefault("m", torch.tensor(-og.B / 2))  # here c = 0
        before = torch.get_rng_state()
        keywords: Any = {"num_draws": 400, "num_particles": 1, "reference": exact}
        objective = {"ELBO": lambda k: ELBO(k, analytic_kl=False)}
        report = estimator_report((model, guide), objective, og.X, **keywords)
        assert list(store.keys()) == ["m"]
        assert store._params["m"].grad is None
        assert store["m"].item() == -og.B / 2
        assert torch.equal(torch.get_rng_state(), before)
    guide_row = report.table().set_index("group").loc["guide"]
    # With c = 0 what is left is the mean gradient of log s, N (1 - 2 s^2); eight standard errors.
    assert abs(guide_row.bias - abs(4 * (1 - 2 * og.S**2))) < 8 * guide_row.bias_error
    assert guide_row.variance < 4 * (4 * og.S**2 + 8 * og.S**4) + 8 * guide_row.variance_error
