"""The network without latents against its formula in numpy, and under the objectives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES, ROWS

from inference import ELBO, fit, log_likelihood, valid_objectives
from ppl_models import create


@pytest.mark.parametrize("objective", [ELBO(), ELBO(3)])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_is_the_exact_log_likelihood(engine: str, objective: Any) -> None:
    """Of the parameters that it reports, after some training; and training makes it larger."""
    row = ROWS["conditional-network"]
    x, y = row.batch(30)
    pair = create(row.model, engine=engine, **row.hyperparameters)
    run = fit(pair, (x, y), objective=objective, steps=150, learning_rate=0.05, progress=False)
    values = {name: value.astype(np.float64) for name, value in run.parameters.items()}

    def layer(number: int, inputs: np.ndarray) -> np.ndarray:
        name = f"network.layers.{number}"
        kernel = values.get(f"{name}.kernel")
        kernel = values[f"{name}.weight"].T if kernel is None else kernel
        return inputs @ kernel + values[f"{name}.bias"]

    logits = layer(1, np.maximum(layer(0, y.astype(np.float64)), 0))
    expected = (x * logits - np.logaddexp(0, logits)).sum(1)
    found = log_likelihood(run.pair, (x, y), 3).per_datum
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert expected.mean() > log_likelihood(pair, (x, y), 1).mean + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_objectives_about_draws_are_refused(engine: str) -> None:
    row = ROWS["conditional-network"]
    found = valid_objectives(create(row.model, engine=engine, **row.hyperparameters), *row.batch(4))
    assert "ELBO" in found.valid
    for name in ("IWAE", "DReG", "WakeSleep"):
        assert "draws nothing" in found.refused[name]
