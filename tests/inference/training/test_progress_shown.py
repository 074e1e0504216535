"""A notebook keeps every message, so it gets two a second at most."""

from __future__ import annotations

import time
from typing import Any

import pytest
import tqdm.notebook

from inference.training import progress
from inference.training.progress import Progress, counting


class Bar(tqdm.notebook.tqdm):
    """The notebook's bar without a notebook; it counts what it would send."""

    sent = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super(tqdm.notebook.tqdm, self).__init__(*given, **named)

    def display(self, *given: object, **named: object) -> None:
        del given, named
        type(self).sent += 1

    def refresh(self, *given: Any, **named: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        del given, named
        self.display()
        return True

    def close(self) -> None: ...


def test_a_notebook_gets_two_messages_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_kind", lambda: "notebook")
    monkeypatch.setattr(tqdm.notebook, "tqdm", Bar)
    begun = time.monotonic()
    with Progress(10_000, 0, show=True, steps_per_epoch=10) as shown:
        Bar.sent = 0
        for step in range(1, 400):
            shown.advance(step, 1.0)
            time.sleep(0.002)
    assert Bar.sent <= 2 * (time.monotonic() - begun) + 1


def test_counts_are_lines_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("runs", 3, 1, show=True) as one_more:
        one_more()
        one_more()
    assert capsys.readouterr().err == "2 of 3 runs\n3 of 3 runs\n"
