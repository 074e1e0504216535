"""Latents that all rows share are decoded beside those of each row, whichever is named first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference import ELBO, fit
from inference.errors import DataError
from ppl_models import create

RANDOM = np.random.default_rng(0)
MEANS = RANDOM.normal(size=(3, 2)).astype(np.float32)  # as many as there are mixture weights


@pytest.fixture(scope="module", params=["pyro", "numpyro"])
def run(request: Any) -> Any:
    pair = create("bayesian_mixture", engine=request.param, data_dim=2, components=3, data_size=20)
    x = RANDOM.normal(size=(20, 2)).astype(np.float32)
    return fit(pair, x, objective=ELBO(), steps=1, progress=False)


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("shared_first", [True, False])
def test_both_orders(run: Any, count: int, shared_first: bool) -> None:
    z = np.arange(count) % 3
    latents = {"means": MEANS, "z": z}
    if not shared_first:
        latents = dict(reversed(latents.items()))
    np.testing.assert_allclose(run.decode(**latents), MEANS[z], atol=1e-6)


def test_what_fits_no_number_of_rows(run: Any) -> None:
    with pytest.raises(DataError, match=r"z must have shape \(7,\) for 7 rows, got \(7, 1\)"):
        run.decode(z=np.zeros((7, 1), int), means=MEANS)
    with pytest.raises(DataError, match=r"means must have shape \(3, 2\)"):
        run.decode(z=np.zeros(7, int), means=MEANS[:2])
