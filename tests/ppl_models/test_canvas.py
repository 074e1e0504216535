"""Grids of filters against the paper's equations, finite differences and the other engine."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from filters import filters
from rows import ENGINES

from ppl_models.networks.images import canvas, canvas_numpyro
from ppl_models.networks.start_values import tiling

both = pytest.mark.parametrize("engine", ENGINES)


def bank_of(engine: str, parameters: Any, size: int, side: int) -> tuple[Any, Any]:
    if engine == "pyro":
        return canvas.filterbank(torch.tensor(parameters), size, side), torch.tensor
    given = jnp.asarray(parameters, dtype=jnp.float32)
    return canvas_numpyro.filterbank(given, size, side), jnp.asarray


PARAMETERS = np.array(
    [[0, 0, 0, 0, 0], [0.3, -0.6, -1, -0.7, 0.5], [-0.9, 0.2, 1, 0.3, -1.2]], dtype=np.float64
)


@both
@pytest.mark.parametrize(("size", "side"), [(2, 4), (3, 7), (5, 5)])
def test_filters_are_those_of_the_paper(engine: str, size: int, side: int) -> None:
    bank, array = bank_of(engine, PARAMETERS, size, side)
    random = np.random.default_rng(0)
    image, patch = random.normal(size=(3, side**2)), random.normal(size=(3, size**2))
    read = np.asarray(bank.read(array(image)))
    written = np.asarray(bank.write(array(patch)))
    assert (read.shape, written.shape) == (patch.shape, image.shape)
    for row, parameters in enumerate(PARAMETERS):
        across, down, intensity = filters(parameters, size, side)
        seen = intensity * down @ image[row].reshape(side, side) @ across.T
        np.testing.assert_allclose(read[row], seen.ravel(), atol=2e-5)
        laid = down.T @ patch[row].reshape(size, size) @ across / intensity
        np.testing.assert_allclose(written[row], laid.ravel(), atol=2e-5)


@both
def test_a_constant_image_looks_the_same_through_any_grid(engine: str) -> None:
    """Also far outside of the image and at a single sharp filter, where sums of exp vanish."""
    extreme = np.array([[50.0, -50, 0, 0, 0], [0, 0, -30, 3, 0], [0.1, 0.2, 10, -9, 0]])
    for size in (1, 3):
        bank, array = bank_of(engine, np.concatenate([PARAMETERS, extreme]), size, 6)
        seen = np.asarray(bank.read(array(np.full((6, 36), 0.7))))
        gain = np.exp(np.concatenate([PARAMETERS, extreme])[:, 4:])
        np.testing.assert_allclose(seen, 0.7 * gain * np.ones(size**2), rtol=1e-5)


@both
@pytest.mark.parametrize(("size", "side"), [(1, 4), (2, 28), (5, 28), (12, 28)])
def test_a_grid_starts_over_all_of_the_image(engine: str, size: int, side: int) -> None:
    """No pixel is seen much less than another, and strokes of one cover the image with ones."""
    stride = side / size
    start = tiling(size, side, stride**-2).astype(np.float64)
    bank, array = bank_of(engine, start, size, side)
    pixels = np.eye(side**2)
    weights = np.stack([np.asarray(bank.read(array(pixel))).sum() for pixel in pixels])
    assert weights.min() > 0.25 * weights.mean()
    painted = np.asarray(bank.write(array(np.ones(size**2))))
    np.testing.assert_allclose(painted.mean(), 1, rtol=1e-4)
    assert painted.min() > 0.25
    assert painted.max() < 2


def test_gradients_through_the_filters_are_finite_differences() -> None:
    """torch against finite differences in float64, and jax against torch."""
    random = np.random.default_rng(0)
    image, patch = random.normal(size=(3, 36)), random.normal(size=(3, 9))

    def score(parameters: Any) -> Any:
        bank = canvas.filterbank(parameters, 3, 6)
        read, written = bank.read(torch.tensor(image)), bank.write(torch.tensor(patch))
        return (read**2).sum() + (written**3).sum()

    def score_jax(parameters: Any) -> Any:
        bank = canvas_numpyro.filterbank(parameters, 3, 6)
        read, written = bank.read(jnp.asarray(image)), bank.write(jnp.asarray(patch))
        return (read**2).sum() + (written**3).sum()

    start = torch.tensor(PARAMETERS, requires_grad=True)
    assert torch.autograd.gradcheck(score, (start,))
    (exact,) = torch.autograd.grad(score(start), start)
    found = jax.grad(score_jax)(jnp.asarray(PARAMETERS, dtype=jnp.float32))
    np.testing.assert_allclose(np.asarray(found), exact.numpy(), rtol=1e-3, atol=1e-4)
