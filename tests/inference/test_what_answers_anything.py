"""Mocks, objects that raise when they are asked, and settings that a library refuses by itself."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest
import torch
from rich.table import Table

from inference import (
    ELBO,
    ArgumentError,
    DataError,
    DivergenceError,
    ZooError,
    check_pair,
    fit,
    frechet_distance,
    gap_decomposition,
    log_likelihood,
    mmd_test,
    predictive_check,
    results,
    valid_objectives,
)
from inference.cli.output import say_json
from inference.cli.streams import RoomyConsole, make_usable
from ppl_models import create

X = (np.random.default_rng(0).random((12, 6)) < 0.5).astype(np.float32)
PAIR = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=[4])
SIBLING = create("vae", data_dim=6, latent_dim=2, hidden=[4])


class Anything:
    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self


class Raising:
    """As a file of arrays that is closed."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("not open")


class Broken:
    def __iter__(self) -> Any:
        raise RuntimeError("not open")


ODD = [Anything(), Mock(), MagicMock(), torch.ops, Raising()]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_what_answers_anything_and_what_raises_is_refused(odd: Any) -> None:
    for ask in (
        lambda: fit(odd, X, steps=1, progress=False),
        lambda: fit(PAIR, odd, steps=1, progress=False),
        lambda: fit(PAIR, X, valid=odd, steps=1, progress=False),
        lambda: fit(PAIR, X, objective=odd, steps=1, progress=False),
        lambda: fit(PAIR, X, schedule=odd, steps=1, progress=False),
        lambda: log_likelihood(odd, X),
        lambda: log_likelihood(PAIR, odd),
        lambda: log_likelihood(PAIR, X, num_particles=odd),
        lambda: predictive_check(PAIR, X, lambda x: odd, num_draws=2),
        lambda: frechet_distance(X, odd),
        lambda: mmd_test(X, X, bandwidths=odd),
    ):
        with pytest.raises(ZooError):
            ask()


def test_a_mock_is_told_what_it_is() -> None:
    with pytest.raises(ArgumentError, match="whatever attribute it is asked for"):
        fit(Mock(), X, steps=1)
    with pytest.raises(DataError, match=r"data must be .* got MagicMock, which has whatever"):
        fit(PAIR, MagicMock(), steps=1)
    with pytest.raises(ArgumentError, match="it raises RuntimeError: not open"):
        fit(Raising(), X, steps=1)


def test_a_report_says_that_a_tuple_is_empty_and_that_a_module_is_no_batch() -> None:
    assert "got a tuple of ()" in check_pair((), X).failed[0].message
    assert "holds object, not numbers" in check_pair(PAIR, np).failed[0].message


def test_a_list_that_cannot_be_gone_through_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"bandwidths cannot be gone through: .*: not open"):
        mmd_test(X, X, bandwidths=Broken())  # pyright: ignore[reportArgumentType]


def test_steps_beyond_single_precision_are_refused() -> None:
    for ask in (
        lambda: fit(PAIR, X, steps=1, learning_rate=1e38),
        lambda: gap_decomposition(PAIR, X[:2], steps=1, num_draws=100, learning_rate=1e38),
    ):
        with pytest.raises(ArgumentError, match="learning_rate must be at most 1e"):
            ask()


def test_whole_numbers_beyond_64_bits_are_numbers() -> None:
    for pair in (PAIR, SIBLING):
        run = fit(pair, X, steps=1, clip_norm=10**30, progress=False)
        summed = fit(pair, X, objective=ELBO(free_bits=10**30), steps=1, progress=False)
        assert np.isfinite([*run.history["loss"], *summed.history["loss"]]).all()
    with pytest.raises(DivergenceError):
        fit(SIBLING, X, steps=3, learning_rate=10**30, progress=False)


@pytest.mark.parametrize("closed", [False, True])
def test_a_file_is_no_data(closed: bool) -> None:
    file = io.StringIO("1 2\n")
    if closed:
        file.close()
    with pytest.raises(DataError, match="data is an open file, not what is in it"):
        fit(PAIR, file, steps=1, progress=False)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_dictionary_of_a_zoo_pairs_arguments(engine: str) -> None:
    """In any order: each goes where the model has its name."""
    y = np.arange(len(X)) % 3
    sizes: Any = {"data_dim": X.shape[1], "latent_dim": 2, "hidden": (4,), "classes": 3}
    pair = create("conditional_vae", engine=engine, **sizes)
    named: Any = {"y": y, "x": X}
    assert valid_objectives(pair, named).valid == valid_objectives(pair, X, y).valid
    by_name, by_place = (fit(pair, data, steps=2, progress=False) for data in (named, (X, y)))
    for name, value in by_place.parameters.items():
        np.testing.assert_array_equal(by_name.parameters[name], value)
    with pytest.raises(DataError, match="Name its arrays as the model's arguments are"):
        fit(pair, {"images": X, "y": y}, steps=1, progress=False)


def schedules() -> dict[str, tuple[Any, dict[str, Any], str]]:
    step = torch.optim.lr_scheduler.StepLR
    return {
        "a pair": (PAIR, {"schedule": PAIR}, "schedule must be .* got a pair"),
        "no step_size": (PAIR, {"schedule": step}, "schedule= cannot be made: .*step_size"),
        "a word": (PAIR, {"schedule": lambda step: "1"}, "zero or positive at each"),
        "negative": (PAIR, {"optimizer": "adam:lr=-1"}, "optimizer= cannot be made: Invalid"),
        "if": (SIBLING, {"schedule": lambda s: 1.0 if s < 3 else 0.1}, "Use jax.numpy in it"),
        "int": (SIBLING, {"schedule": int}, "within a compiled loop it raises"),
    }


@pytest.mark.parametrize("name", schedules())
def test_schedules_and_optimisers_that_cannot_be_are_refused(name: str) -> None:
    pair, options, words = schedules()[name]
    with pytest.raises(ArgumentError, match=words):
        fit(pair, X, steps=2, progress=False, **options)


def test_long_texts_are_shown_short() -> None:
    for ask in (lambda: log_likelihood(PAIR, "x" * 9000), lambda: log_likelihood("x" * 9000, X)):  # pyright: ignore[reportArgumentType]
        with pytest.raises(ZooError) as caught:
            ask()
        assert len(str(caught.value)) < 700
    with pytest.raises(ArgumentError, match="path must be a path that the system takes"):
        results(path=Path("x" * 9000))


def test_a_start_of_chains_is_for_densities_that_have_chains() -> None:
    with pytest.raises(ArgumentError, match="base= is for densities up to a constant"):
        log_likelihood(PAIR, X, base=np.zeros(6))


def test_closed_streams_and_streams_of_few_letters_are_written_to(monkeypatch: Any) -> None:
    """As `ppl-zoo list >&-` and `PYTHONIOENCODING=ascii ppl-zoo show vae` leave them."""
    raw = io.BytesIO()
    with monkeypatch.context() as patch, io.TextIOWrapper(raw, "ascii") as few:
        patch.setattr(sys, "stdout", few)
        patch.setattr(sys, "stderr", None)
        make_usable()
        opened: Any = sys.stderr
        with opened:
            print("nothing", file=opened, flush=True)
        print("β", flush=True)
        say_json("β")
        few.flush()
        assert raw.getvalue().splitlines() == [b"\\u03b2", b'"\\u03b2"']


def test_no_column_of_a_table_is_lost_in_a_narrow_terminal() -> None:
    for width in ("0", "1", "20"):
        console = RoomyConsole(file=io.StringIO(), _environ={"COLUMNS": width, "LINES": "20"})
        table = Table("name", "family", "engines", "title")
        table.add_row("name", "family", "engines", "title")
        console.print(table)
        assert console.file.getvalue().count("engines") == 2  # pyright: ignore[reportAttributeAccessIssue]
