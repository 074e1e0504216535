from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _optimise_long_runs(request, monkeypatch):
    """The kernel of `first_fit`, which runs for longer than it compiles, compiles with care."""
    if request.node.name == "test_notebook_runs[first_fit]":
        monkeypatch.delenv("XLA_FLAGS", raising=False)
