"""What a message quotes is short and in one line, and lists are lists."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ppl_models
from inference import ArgumentError, Metric, active_units, classify, compare, fit
from inference.arguments import called, listed
from inference.descriptions import shown
from inference.errors import DataError, ObjectiveError
from inference.objectives import ELBO, Objective
from ppl_models import create

X = (np.random.default_rng(0).random((12, 6)) < 0.5).astype(np.float32)
PAIR = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=[4])


class Mute:
    """Of which nothing is said."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x" * 5000, "xxx"),
        (np.zeros((12, 6)), "ndarray of shape (12, 6) and dtype float64"),
        (-(10**5000), "5,001 digits"),
        ({"a": [1] * 10_000}, "'a'"),
        (Mute(), "an object of type Mute"),
        ("a\nb", "a\\nb"),
        (SimpleNamespace(a="b\nc" * 100), "namespace"),
    ],
    ids=["long", "array", "digits", "list", "mute", "lines", "object"],
)
def test_a_value_is_shown_in_a_short_line(value: object, words: str) -> None:
    assert words in shown(value)
    assert len(shown(value)) <= 130
    assert "\n" not in shown(value)


def test_what_is_a_list() -> None:
    assert (
        listed("a", (3, 4)) == listed("a", np.array([3, 4])) == listed("a", iter([3, 4])) == [3, 4]
    )
    for none in ("ab", b"ab", {"a": 1}, np.array(3), 3, None):
        assert listed("a", none) is None
    with pytest.raises(ArgumentError, match="seeds must have at most"):
        compare({"a": PAIR}, {"e": "elbo"}, X, budget={"steps": 1}, seeds=itertools.count())


def test_a_function_of_other_arguments_is_said_and_its_own_errors_stay() -> None:
    def wrong(x: int) -> int:
        raise TypeError(f"own {x}")

    with pytest.raises(ArgumentError, match=r"statistic is called with \(3\)"):
        called("statistic", lambda: 1, 3)
    with pytest.raises(TypeError, match="own 3"):
        called("statistic", wrong, 3)


def test_a_guide_is_asked_about_what_the_model_could_have_drawn() -> None:
    run = fit(PAIR, X, steps=1, progress=False)
    labelled = create("semi_supervised_vae", engine="pyro", data_dim=6, latent_dim=2, classes=3)
    bytes_of_grey = (X * 255).astype(np.uint8)
    for ask in (
        run.latents,
        run.reconstruct,
        partial(active_units, run),
        partial(classify, labelled),
    ):
        with pytest.raises(DataError, match="from 0 to 255"):
            ask(bytes_of_grey)
    assert run.latents(X / 2)["z"].shape == (12, 2)  # means of bits, as of grey pictures


class Nothing(Objective):
    """Which forgets to return."""

    needs = ELBO.needs

    def surrogate(self, program: object) -> None:
        del program


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_an_objective_that_gives_no_number_is_named(engine: str) -> None:
    pair = create("ppca", engine=engine, data_dim=6, latent_dim=2)
    with pytest.raises(ObjectiveError, match="must be one number"):
        fit(pair, X, objective=Nothing(), steps=1, progress=False)


@pytest.mark.parametrize("device", ["", "meta", "cpu:-1"])
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_devices_that_no_machine_has(device: str, engine: str) -> None:
    pair = create("ppca", engine=engine, data_dim=6, latent_dim=2)
    with pytest.raises(ArgumentError, match="device"):
        fit(pair, X, device=device, steps=1, progress=False)


@pytest.mark.parametrize("value", [3, None, [], {}, np.zeros(3), b"vae", Path("vae")])
def test_names_are_words(value: object) -> None:
    asked = (create, ppl_models.info, ppl_models.list_models)
    for ask in (*asked, ppl_models.list_pretrained, lambda v: create("vae", engine=v)):
        with pytest.raises(ValueError, match="must be a string"):
            ask(value)  # pyright: ignore[reportArgumentType]


def test_weights_of_no_model() -> None:
    with pytest.raises(ValueError, match="There is no model 'vea'"):
        ppl_models.list_pretrained(model="vea")
    assert ppl_models.list_pretrained(model="ppca") == []


def test_numbers_of_numpy_are_numbers_of_a_model() -> None:
    pair = create("vae", engine="pyro", data_dim=np.int64(6), hidden=[np.int64(4)], latent_dim=2)
    assert pair.hyperparameters["data_dim"] == 6
    assert type(pair.hyperparameters["data_dim"]) is int


@pytest.mark.parametrize(
    "options",
    [
        {"data_dim": 10**30},
        {"hidden": {4: 4}},
        {"hidden": b"abc"},
        {"hidden": np.array(3)},
        {"hidden": [1] * 100_000},
        {"data_mean": ["a"] * 6},
        {"data_mean": {"a": 1}},
    ],
    ids=["size", "mapping", "bytes", "no axis", "long", "words", "a mapping of one"],
)
def test_arguments_of_models_are_named(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must "):
        create("vae", engine="pyro", **{"data_dim": 6, "latent_dim": 2, **options})


def test_a_metric_is_a_question() -> None:
    assert repr(Metric(partial(np.mean, axis=0))) == "numpy.mean()"
    for wrong in ({"measure": 3}, {"unit": 3}, {"better": "best"}, {"needs_data": 1}):
        (name,) = wrong
        with pytest.raises(ArgumentError, match=name):
            Metric(**{"measure": len, **wrong})  # pyright: ignore[reportArgumentType]
