"""A comparison's methods refuse what they are asked for by the argument's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference import ArgumentError, Comparison, compare
from ppl_models import create

ROWS = (np.random.default_rng(0).random((12, 4)) < 0.5).astype(np.float32)


class Silent:
    """What cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.fixture(scope="module")
def found(tmp_path_factory: Any) -> Comparison:
    out = tmp_path_factory.mktemp("comparison")
    pair = create("vae", engine="pyro", data_dim=4, latent_dim=2, hidden=[3])
    return compare(
        {"a": pair},
        {"e": "elbo"},
        ROWS,
        test=ROWS,
        budget={"steps": 1},
        metrics=("bound",),
        progress=False,
        out=out,
    )


@pytest.mark.parametrize("value", [Silent(), "x" * 5000, None, 3, [1], np.ones(9)])
def test_labels(found: Comparison, value: Any) -> None:
    for ask in (found.run, found.chains):
        for labels in ((value, "e"), ("a", value)):
            with pytest.raises(ArgumentError, match=r"there (is no|are no) finished") as caught:
                ask(*labels)
            assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [None, True, 3, b"r", Silent(), "", "a\0b", ["r"]])
def test_paths(found: Comparison, value: Any) -> None:
    with pytest.raises(ArgumentError, match="path must be a path"):
        found.to_html(value)


@pytest.mark.parametrize("value", [True, -1, "ab", [1], {"a": 2}, {3: None}, Silent()])
def test_what_a_report_shows_beside(found: Comparison, value: Any, tmp_path: Any) -> None:
    with pytest.raises(ArgumentError, match="estimators must be a dictionary from a heading"):
        found.to_html(tmp_path / "r.html", estimators=value)
    if not isinstance(value, str):
        with pytest.raises(ArgumentError, match="title must be a string of one line"):
            found.to_html(tmp_path / "r.html", title=value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "2", np.nan])
def test_draws(found: Comparison, value: Any) -> None:
    with pytest.raises(ArgumentError, match="num_draws must be a whole number"):
        found.to_arviz(num_draws=value)
