from __future__ import annotations

import numpy as np
import pyro
import pytest

from inference.training.loop import Loop


class Losses:
    """The loss of every step of the fit that ran last, in nats per datum."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def per_datum(self) -> np.ndarray:
        """All since the last call."""
        parts, self.parts = self.parts, []
        return np.concatenate(parts)


@pytest.fixture
def losses(monkeypatch):
    found = Losses()
    account = Loop._account

    def noting(self, taken):
        found.parts.append(taken.losses)
        account(self, taken)

    monkeypatch.setattr(Loop, "_account", noting)
    return found


@pytest.fixture(autouse=True)
def _empty_store():
    """Bare Pyro functions have their parameters in a global store, where others left theirs."""
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()
