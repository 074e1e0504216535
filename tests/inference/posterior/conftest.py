"""Chains that several tests look at."""

from __future__ import annotations

import linear_regression as lr
import pytest

from inference import NUTS, Posterior


@pytest.fixture(scope="session")
def posterior() -> Posterior:
    return NUTS(num_warmup=200, num_samples=250).sample(lr.model, lr.data(), seed=1)
