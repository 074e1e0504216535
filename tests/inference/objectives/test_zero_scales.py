"""A scale of zero in a later batch, which is no divisor: what it scales counts nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from plated import Words
from rows import ENGINES

from inference import fit
from inference.objectives import ELBO, RLOO, STL, Objective

X = np.array([0.4, -1.1, 2.0, 0.7, -0.2], dtype=np.float32)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("objective", [ELBO(4_000), STL(4_000), RLOO(4_000)], ids=repr)
def test_a_divergence_that_counts_nothing_in_a_later_batch_leaves_the_likelihood(
    objective: Objective, engine: str
) -> None:
    """A warm-up that goes through zero; the libraries refuse one that begins there."""
    words = Words(engine)

    def model(x: Any, beta: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            with words.handlers.scale(scale=beta):
                z = words.sample("z", words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(w * z, 1.0), obs=x)

    def guide(x: Any, beta: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)), words.handlers.scale(scale=beta):
            words.sample("z", words.dist.Normal(a * x + s, 1.0))

    batches = [(X, np.array(beta, dtype=np.float32)) for beta in (0.5, 0)]
    settings: dict[str, Any] = {"steps": 2, "learning_rate": 1e-8, "progress": False}
    run = fit((model, guide), batches, objective=objective, engine=engine, **settings)
    mean = 0.5 * X + 0.2
    expected = 0.5 * ((X - 0.7 * mean) ** 2 + 0.7**2 + math.log(2 * math.pi))
    expected = expected + 0.5 * 0.25 * mean**2  # half of the divergence, in one of two batches
    assert abs(run.history.loss.iloc[-1] - expected.mean()) < 0.05  # an error of 0.01
