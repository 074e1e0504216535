"""What is decoded is what the model could have drawn: whole numbers are, other supports are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference import DataError, fit
from inference.training.run import Run
from ppl_models import create

RANDOM = np.random.default_rng(0)
BITS = (RANDOM.random((6, 4)) < 0.5).astype(np.float32)


def trained(engine: str, name: str, data: Any, **settings: Any) -> Run:
    pair = create(name, engine=engine, data_dim=4, hidden=[3], latent_dim=2, **settings)
    return fit(pair, data, steps=1, progress=False)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_, np.float64, list])
def test_whole_numbers_are_values_of_a_real_latent(kind: Any, engine: str) -> None:
    run = trained(engine, "vae", BITS)
    real = np.array([[0, 1], [1, 1], [1, 0]], np.float32)
    given = real.astype(int).tolist() if kind is list else real.astype(kind)
    np.testing.assert_array_equal(run.decode(z=given), run.decode(z=real))


def test_a_category_that_the_model_does_not_draw(engine: str) -> None:
    data = RANDOM.normal(size=(6, 2)).astype(np.float32)
    pair = create("bayesian_mixture", engine=engine, data_dim=2, components=3, data_size=6)
    run = fit(pair, data, steps=1, progress=False)
    means = np.arange(6).reshape(3, 2)
    np.testing.assert_allclose(run.decode(z=np.array([2, 0]), means=means), means[[2, 0]])
    for z in ([0, 3], [-1, 0], [0.5, 1.0]):
        with pytest.raises(DataError, match="every value of z must be a whole number from 0 to 2"):
            run.decode(z=np.array(z), means=means)
    with pytest.raises(
        DataError, match=r"precisions must be in the support (positive|greaterthan)"
    ):
        run.decode(z=[0, 1], precisions=-np.ones((3, 2)))
    with pytest.raises(DataError, match="weights must be a chance, and those of the last axis"):
        run.decode(z=[0, 1], weights=np.array([0.5, 0.6, 0.2]))


def test_means_of_bits_are_decoded_and_other_numbers_not(engine: str) -> None:
    pair = create("sigmoid_belief", engine=engine, data_dim=4, latent_dims=[3])
    run = fit(pair, BITS, steps=1, progress=False)
    (name,) = run.latents(BITS)
    assert run.decode(**{name: np.full((2, 3), 0.3)}).shape == (2, 4)
    for value in (2, -0.5):
        with pytest.raises(DataError, match=f"every value of {name} must be in \\[0, 1\\]"):
            run.decode(**{name: np.full((2, 3), value)})


@pytest.mark.parametrize("ask", ["sample", "decode"])
def test_what_is_given_besides_x_is_checked_as_in_a_batch(ask: str, engine: str) -> None:
    z = np.zeros((2, 2), np.float32)
    seen = trained(engine, "conditional_vae", (BITS, BITS[:, :2]), condition_dim=2)
    labels = trained(engine, "conditional_vae", (BITS, np.arange(6) % 3), classes=3)

    def answer(run: Run, given: Any) -> Any:
        return run.sample(2, given) if ask == "sample" else run.decode(given, z=z)

    assert answer(seen, BITS[:2, :2]).shape == answer(labels, np.array([0, 2])).shape == (2, 4)
    for wrong in (np.inf, np.nan, 1e300):
        with pytest.raises(DataError, match=r"what is given besides x has .* NaN or infinite"):
            answer(seen, np.array([[0.0, wrong], [1.0, 1.0]]))
    for label in (3, -2):
        with pytest.raises(DataError, match="what is given besides x"):
            answer(labels, np.array([0, label]))
