"""Batch normalisation's running averages after a step, and what evaluation makes of them.

torch averages the unbiased variance and keeps 0.9 of the old, flax the biased one and keeps 0.99.
NumPyro's `SVI.init` runs the guide once and keeps what that did to the averages, so that after one
step they have seen two batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rows import ENGINES

from inference import ELBO, fit
from inference.estimators.certificate.programs.batch_norm import BATCH_NORM, EPSILON

V, X = BATCH_NORM.values, BATCH_NORM.data
H = X @ V["guide_first"].T


def averages(engine: str, run: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Running mean and variance as the fitted pair has them."""
    if engine == "numpyro":
        state = run.pair.values["norm$state"]["state"]
        return np.asarray(state["mean"]), np.asarray(state["var"])
    from inference.engines.pyro.parameters import stored_values

    by_part = {name.rsplit(".", 1)[-1]: v for name, v in stored_values(run.pair).items()}
    return by_part["running_mean"], by_part["running_var"]


@pytest.mark.parametrize("engine", ENGINES)
def test_one_step_moves_the_averages_and_evaluation_is_their_affine_map(engine: str) -> None:
    x = BATCH_NORM.batch[0]
    run = fit(
        BATCH_NORM.pair(engine),
        x,
        objective=ELBO(),
        steps=1,
        batch_size=len(x),
        learning_rate=1e-9,
        seed=0,
        progress=False,
    )
    momentum, ddof, passes = (0.9, 1, 1) if engine == "pyro" else (0.99, 0, 2)
    kept = momentum**passes
    mean, variance = averages(engine, run)
    np.testing.assert_allclose(mean, (1 - kept) * H.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, kept + (1 - kept) * H.var(0, ddof=ddof), rtol=1e-5)
    affine = (H - mean) / np.sqrt(variance + EPSILON)
    expected = affine @ V["guide_weight"].T + V["guide_bias"]
    np.testing.assert_allclose(run.latents(x)["z"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.latents(x[:3])["z"], expected[:3], rtol=1e-4, atol=1e-5)
