"""Options of the compiler that a release of jax does not know are left out."""

from __future__ import annotations

import pytest

from inference.engines.numpyro import records


def test_an_option_that_went_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"xla_backend_optimization_level": 0}
    monkeypatch.setattr(records, "_QUICKLY", {**known, "xla_an_option_that_went": True})
    records.quickly.cache_clear()
    try:
        assert records.quickly() == known
    finally:
        records.quickly.cache_clear()
