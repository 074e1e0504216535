"""`sample(..., obs_mask=)`: of a row that is observed there is no latent, whatever the guide does.

x_n ~ N(z_n, 1/2), z_n ~ N(mu, 1), two of three observed. An unmasked guide gives what a masked one
does, to the last draw; before, its entropy at observed rows lifted bounds above log p(x).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyro
import pytest
from plated import Words

from inference import log_likelihood
from inference.engines import ENGINES, load_engine
from inference.objectives import ELBO, DReG, Objective

X = np.random.default_rng(0).normal(size=12).astype(np.float32)
SEEN = np.arange(12) % 3 > 0
EXACT = np.where(SEEN, -0.5 * (X - 0.7) ** 2 / 1.25 - 0.5 * np.log(2 * np.pi * 1.25), 0.0)


@pytest.fixture(autouse=True)
def _empty_store() -> None:
    """Bare Pyro functions have their parameters in a global store, where others left theirs."""
    pyro.clear_param_store()


def pair(engine: str, *, masked: bool) -> Any:
    """The guide proposes the missing rows with or without a mask."""
    words = Words(engine)

    def model(x: Any, seen: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(w + 0 * x, 1.0))
            words.sample("x", words.dist.Normal(z, 0.5), obs=x, obs_mask=seen)

    def guide(x: Any, seen: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(a * x * seen + s, 0.7))
            with words.handlers.mask(mask=~seen if masked else seen | ~seen):
                words.sample("x_unobserved", words.dist.Normal(z, 1.0))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "objective",
    [ELBO(2, analytic_kl=False), DReG(3)],
    ids=repr,
)
def test_a_guide_need_not_mask_what_the_model_does(objective: Objective, engine: str) -> None:
    backend = load_engine(engine)
    found = [
        backend.gradients(pair(engine, masked=masked), objective, (X, SEEN), 3)
        for masked in (True, False)
    ]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5)
    for name, slope in found[0][0].items():
        np.testing.assert_allclose(slope, found[1][0][name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_likelihood_is_that_of_what_was_observed(engine: str) -> None:
    estimate = log_likelihood(pair(engine, masked=False), (X, SEEN), num_particles=4_000)
    np.testing.assert_allclose(estimate.per_datum, EXACT, atol=0.2)  # 4,000 draws: < 0.06
