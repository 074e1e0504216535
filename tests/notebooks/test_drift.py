"""Outputs of another tree are told from those of this one, seconds and last digits aside."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from drift import drifted


class Cell(dict[str, Any]):
    source = "run"


def cells(text: str) -> list[Cell]:
    return [Cell(outputs=[{"name": "stdout", "text": text}])]


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("['vae', 'ppca']", "['vae', 'ppca', 'hmm']", False),  # models that came since
        ("-24.78 ± 0.03 nats", "-25.27 ± 0.03 nats", True),  # within a tenth
        ("-24.78 nats", "-34.78 nats", False),
        ("0.012", "0.015", True),  # three units of the last digit
        ("0.012", "0.016", False),
        ("64 passed, 1 failed", "71 passed, 1 failed", False),  # a count is a count
        ("loss 3.1, seconds 2.5", "loss 3.1, seconds 9.5", True),
        ("id 64a36e040c3f", "id 64a36e040c3e", True),  # no number, and no word
        ("ELBO -1.0", "IWAE -1.0", False),
    ],
)
def test_what_differs_is_seen(before: str, now: str, same: bool) -> None:
    assert (drifted(cells(before), cells(now), cells("")) == []) == same


def test_where_the_test_trains_for_a_shorter_time_words_count() -> None:
    longer = [SimpleNamespace(source="run longer")]
    assert drifted(cells("ELBO of VIMCO -24"), cells("ELBO of VIMCO -31"), longer) == []
    (said,) = drifted(cells("ELBO of VIMCO"), cells("nothing of it"), longer)
    assert said.endswith("make notebooks")
