"""Every argument of every public function, given what it cannot be, is refused in a sentence."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import inference
from benchmarks.scoreboard import calls
from benchmarks.scoreboard.__main__ import main


def test_every_public_function_is_asked() -> None:
    functions = {n for n in inference.__all__ if inspect.isfunction(getattr(inference, n))}
    assert functions == set(calls.CALLS)


@pytest.mark.parametrize("name", calls.CALLS)
@pytest.mark.filterwarnings("ignore")
def test_odd_values_are_refused(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert not list(filter(None, calls.of_function(name)))


@pytest.mark.parametrize("name", calls.CALLS)
@pytest.mark.filterwarnings("ignore")
def test_budgets_that_nobody_has_are_refused(name: str) -> None:
    assert not list(calls.too_much(name))


@pytest.mark.parametrize("name", calls.METHODS)
@pytest.mark.filterwarnings("ignore")
def test_odd_values_are_refused_by_a_method(name: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert not list(filter(None, calls.of_method(name)))


@pytest.mark.parametrize("name", calls.FIGURES)
@pytest.mark.filterwarnings("ignore")
def test_odd_values_are_refused_by_a_picture(name: str) -> None:
    assert not list(filter(None, calls.of_figure(name)))


@pytest.mark.parametrize("name", calls.OBJECTIVES)
def test_odd_values_are_refused_by_an_objective(name: str) -> None:
    assert not list(filter(None, calls.of_objective(name)))


def test_the_board_names_its_profiles() -> None:
    app = typer.Typer()
    app.command()(main)
    answer = CliRunner().invoke(app, ["--profile", "quick"])
    assert answer.exit_code == 2
    assert "'quick' is not one of 'fast'" in answer.stderr


def test_an_answer_and_another_error_are_seen() -> None:
    """Planted: what answers, and what fails from deep inside."""
    assert calls.answered(lambda: 3) == "answered 3"
    assert calls.answered(lambda: len(3)) == "TypeError: object of type 'int' has no len()"  # pyright: ignore[reportArgumentType]
