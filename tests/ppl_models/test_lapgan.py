"""A pyramid: taken apart and put together, levels alone, and the whole from its levels."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from rows import ENGINES

from inference import fit
from inference.objectives import Adversarial
from ppl_models import create


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def pyramid(engine: str, **settings: Any) -> Any:
    given: Any = {"image_shape": (8, 4), "levels": 3, "latent_dim": 2, "hidden": (5,), **settings}
    return create("lapgan", engine=engine, **given)


X = np.random.default_rng(0).random((6, 32))


def test_it_reconstructs_exactly(engine: str) -> None:
    """In halves and quarters of small whole numbers there is no rounding: bit for bit."""
    pair = pyramid(engine)
    whole = np.random.default_rng(1).integers(0, 256, (5, 32)).astype(np.float64)
    parts = pair.pyramid(whole)
    assert [part.shape for part in parts] == [(5, 2), (5, 8), (5, 32)]
    np.testing.assert_array_equal(pair.reconstruct(parts), whole)
    np.testing.assert_allclose(pair.reconstruct(pair.pyramid(X)), X, rtol=0, atol=1e-15)
    images = whole.reshape(5, 8, 4)
    blocks = images.reshape(5, 4, 2, 2, 2).mean((2, 4))
    np.testing.assert_array_equal(
        parts[0], blocks.reshape(5, 2, 2, 1, 2).mean((2, 4)).reshape(5, 2)
    )
    larger = np.kron(blocks, np.ones((1, 2, 2)))
    np.testing.assert_array_equal(parts[2], (images - larger).reshape(5, 32))
    residual, coarse = pair.level_data(whole, 3)
    np.testing.assert_array_equal(residual, parts[2])
    np.testing.assert_array_equal(coarse, larger.reshape(5, 32))


def test_a_level_trains_alone_and_goes_into_the_whole(engine: str) -> None:
    """What a level draws is in the whole pair's image: the sum of enlarged coarser and residual."""
    pair, x = pyramid(engine, levels=2), X.astype(np.float32)
    settings: Any = {"steps": 2, "batch_size": 6, "progress": False}
    residual, larger = pair.level_data(x, 2)
    objective = Adversarial(hidden=(4,))
    run = fit(pair.level(2), (residual, larger), objective=objective, **settings)
    before = pair.get_weights()
    pair.take_level(2, run.pair)
    moved = {n for n, v in pair.get_weights().items() if not np.array_equal(v, before[n])}
    assert moved
    assert all(name.startswith("decoder2.") for name in moved)  # no guide is trained
    z = np.random.default_rng(2).normal(size=(2, 4, 2)).astype(np.float32)
    whole = fit(pair, x, steps=1, learning_rate=1e-12, progress=False)
    coarse = fit(pair.level(1), pair.level_data(x, 1), steps=1, learning_rate=1e-12, progress=False)
    image = coarse.decode(z=z[0])[:, pair.shapes.parents[0]]
    image = image + run.decode(image, z=z[1])
    np.testing.assert_allclose(whole.decode(z1=z[0], z2=z[1]), image, rtol=1e-4, atol=1e-5)


def test_arguments() -> None:
    with pytest.raises(ValueError, match="divisible by 4, to be halved 2 times"):
        pyramid("pyro", image_shape=(6, 4))
    with pytest.raises(ValueError, match=r"must be \(height, width\).*got \(8, 8, 1\)"):
        pyramid("pyro", image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="level must be from 1"):
        pyramid("pyro").level(4)


def test_a_compiled_pyramid_does_not_stand_in_the_way_of_the_other_precision() -> None:
    parts = pyramid("numpyro").shapes.parts
    kept = jax.jit(parts).trace(X.astype(np.float32))  # alive, with what jax made of its indices
    with jax.enable_x64(True):
        found = jax.jit(parts)(X)
    assert [part.shape for part in found] == [part.shape for part in kept.out_info]
    assert {str(part.dtype) for part in found} == {"float64"}
