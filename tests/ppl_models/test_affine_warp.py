"""Warps of images against torch's own sampler, np.rot90 and finite differences; in `cycle_gan`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from rows import ENGINES

from inference import Unpaired, fit
from inference.objectives import CycleConsistent
from ppl_models import create
from ppl_models.networks.images import affine_warp, affine_warp_numpyro

both = pytest.mark.parametrize("engine", ENGINES)


def warp(engine: str, shape: tuple[int, ...], **settings: Any) -> Any:
    module = affine_warp if engine == "pyro" else affine_warp_numpyro
    return module.AffineWarp(shape, **settings)


def at(engine: str, shape: tuple[int, int], matrix: Any, shift: Any) -> Any:
    """A warp with these numbers."""
    made = warp(engine, shape)
    if engine == "pyro":
        made.matrix.data = torch.tensor(matrix, dtype=torch.float32)
        made.shift.data = torch.tensor(shift, dtype=torch.float32)
    else:
        made.matrix[...], made.shift[...] = jnp.asarray(matrix), jnp.asarray(shift)
    return made


def images(engine: str, x: Any) -> Any:
    return torch.tensor(x) if engine == "pyro" else jnp.asarray(x)


def sampled(x: Any, shape: tuple[int, int], matrix: Any, shift: Any) -> Any:
    """The same by torch's sampler in double precision, which calls the outer pixels' places 1."""
    height, width = shape
    half = np.array([(width - 1) / 2, (height - 1) / 2])
    down, across = np.divmod(np.arange(height * width), width)
    places = np.stack([across, down], axis=1) - half
    sent = (places @ np.asarray(matrix).T + shift) / half
    grid = torch.tensor(sent.reshape(1, height, width, 2)).expand(len(x), -1, -1, -1)
    given = torch.tensor(x, dtype=torch.float64).reshape(-1, 1, height, width)
    found = torch.nn.functional.grid_sample(given, grid, align_corners=True)
    return found.reshape(len(x), -1).numpy()


@both
def test_a_warp_is_that_of_torchs_sampler(engine: str) -> None:
    """A turn, a stretch, a mirror and a shift partly out of an image that is no square."""
    random, shape = np.random.default_rng(0), (5, 8)
    x = random.random((3, 40)).astype(np.float32)
    for matrix, shift in (
        ([[0.8, -0.5], [0.6, 0.9]], [0.3, -1.2]),
        ([[-1.4, 0.2], [0.0, 0.7]], [2.5, 0.4]),
        (random.normal(size=(2, 2)), random.normal(size=2)),
    ):
        found = np.asarray(at(engine, shape, matrix, shift)(images(engine, x)).tolist())
        np.testing.assert_allclose(found, sampled(x, shape, matrix, shift), atol=2e-5)


@both
def test_right_angles_are_those_of_numpy(engine: str) -> None:
    x = np.random.default_rng(1).random((2, 3, 36)).astype(np.float32)  # two leading dimensions
    for quarters in range(4):
        made = warp(engine, (6, 6), angle=90.0 * quarters)
        found = np.asarray(made(images(engine, x)).tolist())
        turned = np.rot90(x.reshape(2, 3, 6, 6), quarters, axes=(2, 3))
        np.testing.assert_allclose(found, turned.reshape(2, 3, 36), atol=1e-5)


@both
@pytest.mark.parametrize("angle", [0.0, 20.0])
def test_slopes_are_finite_differences_also_at_whole_pixels(engine: str, angle: float) -> None:
    """At angle 0 all places are whole pixels, where one-sided slopes differ or are zero."""
    random, shape, step = np.random.default_rng(2), (4, 4), 1e-4
    x, weights = random.random((3, 16)).astype(np.float32), random.normal(size=(3, 16))
    made = warp(engine, shape, angle=angle)
    start = [np.asarray(value.tolist()) for value in (made.matrix, made.shift)]
    for place, slope in enumerate(_slopes(engine, made, x, weights)):
        for index in np.ndindex(slope.shape):
            moved = [[part.copy() for part in start] for _ in range(2)]
            moved[0][place][index] += step
            moved[1][place][index] -= step
            ahead, behind = ((weights * sampled(x, shape, *each)).sum() for each in moved)
            assert slope[index] == pytest.approx((ahead - behind) / (2 * step), abs=2e-3)


def _slopes(engine: str, made: Any, x: Any, weights: Any) -> list[Any]:
    """Of the weighted sum of warped images, by the matrix and by the shift."""
    if engine == "pyro":
        loss = (torch.tensor(weights, dtype=torch.float32) * made(torch.tensor(x))).sum()
        return [part.numpy() for part in torch.autograd.grad(loss, [made.matrix, made.shift])]

    slopes = nnx.grad(lambda map_: (weights * map_(jnp.asarray(x))).sum())(made)
    return [np.asarray(slopes[name][...]) for name in ("matrix", "shift")]


@both
def test_a_pair_takes_warps_as_its_maps(engine: str) -> None:
    """Both maps are trained, under names that both engines share, and nothing beside them."""
    settings: Any = {"engine": engine, "data_dim": 36, "other_dim": 36}
    maps = {"to_y": warp(engine, (6, 6), angle=40.0), "to_x": warp(engine, (6, 6), angle=-40.0)}
    pair = create("cycle_gan", **settings, **maps)
    x = np.random.default_rng(3).random((20, 36)).astype(np.float32)
    run = fit(
        pair,
        Unpaired(x, x[:15]),
        objective=CycleConsistent("non-saturating", hidden=(4,)),
        steps=6,
        batch_size=10,
        progress=False,
    )
    before, after = pair.get_weights(), run.pair.get_weights()
    assert {name: value.shape for name, value in after.items()} == {
        f"{which}.{part}": shape
        for which in ("to_x", "to_y")
        for part, shape in (("matrix", (2, 2)), ("shift", (2,)))
    }
    assert all(abs(after[name] - before[name]).min() > 0 for name in after)
    theta = after["to_y.matrix"], after["to_y.shift"]
    found = run.latents(x)["y"] - sampled(x, (6, 6), *theta)
    np.testing.assert_allclose(found, 0, atol=1e-5)


@both
def test_what_is_no_warp_or_map_is_refused_by_name(engine: str) -> None:
    with pytest.raises(ValueError, match="angle must be a finite number of degrees, got 'right'"):
        warp(engine, (6, 6), angle="right")
    with pytest.raises(ValueError, match="angle must be a finite number of degrees, got nan"):
        warp(engine, (6, 6), angle=float("nan"))
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width\)"):
        warp(engine, (6, 6, 1))
    sizes: Any = {"engine": engine, "data_dim": 36, "other_dim": 25}
    for name, words in (("to_y", r"36\) to \(\.\.\., 25"), ("to_x", r"25\) to \(\.\.\., 36")):
        with pytest.raises(ValueError, match=rf"{name} must be .*\(\.\.\., {words}\)"):
            create("cycle_gan", **sizes, **{name: warp(engine, (6, 6))})
