"""Glow: the map, its volume and what its first minibatch decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from inference import fit, load_run, log_likelihood
from ppl_models import create


def moved() -> Any:
    pair: Any = create("glow", engine="pyro", image_shape=(4, 4), depth=2, channels=3)
    pair = pair.double().eval()
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in pair.parameters():
            value += 0.3 * torch.randn(value.shape, generator=noise, dtype=value.dtype)
        for name, value in pair.named_buffers():
            value += 0.2 + 0.3 * name.endswith("mean")
    return pair


def test_there_and_back_and_the_volume_of_autodiff() -> None:
    flow = moved().flow
    x = torch.randn(2, 3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    u, volume = flow.to_noise(x, None)
    back, other = flow.to_data(u, None)
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(volume, -other, rtol=1e-9, atol=1e-9)
    slope = torch.autograd.functional.jacobian(
        lambda row: flow.to_noise(row[None], None)[0][0], x[1, 2]
    )
    torch.testing.assert_close(torch.linalg.slogdet(slope)[1], volume[1, 2], rtol=1e-9, atol=1e-9)
    assert abs(float(volume[1, 2].detach())) > 0.1


def test_the_first_minibatch_normalises_the_channels_and_is_kept(tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal(50, 9, size=(200, 16)).astype(np.float32)
    pair: Any = create("glow", engine="pyro", image_shape=(4, 4), depth=1, channels=3, scales=1)
    run = fit(pair, x, steps=1, batch_size=200, learning_rate=1e-9, progress=False, out=tmp_path)
    norm = run.pair.wrapped.flow.steps[0].scale.norms[0]
    channels = x.reshape(200, 2, 2, 2, 2).transpose(0, 2, 4, 1, 3).reshape(200, 4, 4)
    np.testing.assert_allclose(norm.mean, channels.mean((0, 2)), rtol=1e-4)
    np.testing.assert_allclose(norm.std, channels.std((0, 2)), rtol=1e-4)
    assert abs(run.encode(x).mean()) < 0.01  # a rotation of normalised channels
    assert abs(run.encode(x).std() - 1) < 0.01
    back = load_run(tmp_path)
    np.testing.assert_array_equal(back.encode(x), run.encode(x))
    assert log_likelihood(run, x).method == "exact"
    assert pair.flow.steps[0].scale.norms[0].seen == 0  # the pair itself is as it was


def test_grey_levels_have_a_guide(tmp_path: Any) -> None:
    """Several particles go at once in the first step, too, so that a resumed run takes the same."""
    x = np.random.default_rng(0).integers(0, 5, size=(6, 16)).astype(np.float32) / 4
    pair = create(
        "glow",
        engine="pyro",
        image_shape=(4, 4),
        channels=3,
        dequantisation="variational",
        levels=5,
        noise_hidden=(4,),
    )
    settings: Any = {"objective": "iwae:num_particles=3", "progress": False}
    run = fit(pair, x, steps=3, **settings)
    assert np.isfinite(run.rows[-1]["loss"])
    fit(pair, x, steps=1, out=tmp_path, **settings)
    again = fit(pair, x, steps=3, out=tmp_path, resume=True, **settings)
    for name, value in run.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name])
    np.testing.assert_allclose(run.reconstruct(x), x, atol=1e-6)


def test_sides_have_to_be_halved() -> None:
    with pytest.raises(ValueError, match="divisible by 4 because each of 2 scales"):
        create("glow", engine="pyro", image_shape=(14, 14))
