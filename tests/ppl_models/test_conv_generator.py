"""The convolutions and normalisations, written out in numpy in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference import fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

SMALL: Any = {"engine": "pyro", "image_shape": (8, 12), "latent_dim": 3, "channels": 2}
RANDOM = np.random.default_rng(0)
Z = RANDOM.normal(size=(5, 3)).astype(np.float32)


def moved(**options: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A pair away from its start, and what its networks hold, in float64."""
    pair: Any = create("conv_generator", **SMALL, **options)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in pair.parameters():
            value += 0.3 * torch.randn(value.shape, generator=random)
        for name, value in pair.named_buffers():
            if name.endswith(("mean", "var")):
                value += torch.rand(value.shape, generator=random)
    held = {n: value.detach().numpy().astype(np.float64) for n, value in pair.state_dict().items()}
    return pair, held


def transposed(images: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each pixel puts a 4x4 patch of weights into the image of twice the size, one pixel beyond."""
    rows, _, height, width = images.shape
    wide = np.zeros((rows, weight.shape[1], 2 * height + 2, 2 * width + 2))
    for i in range(height):
        for j in range(width):
            patch = np.einsum("nc,cokl->nokl", images[:, :, i, j], weight)
            wide[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += patch
    return wide[:, :, 1:-1, 1:-1]


def convolved(images: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    wide = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.lib.stride_tricks.sliding_window_view(wide, (4, 4), (2, 3))[:, :, ::2, ::2]
    return np.einsum("nchwkl,ockl->nohw", patches, weight) + bias[:, None, None]


def moments(images: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return images.mean(axes, keepdims=True), (images**2).mean(axes, keepdims=True)


def decoded(
    held: dict[str, np.ndarray], inputs: np.ndarray, normalise: str, *, training: bool
) -> np.ndarray:
    """The decoder's output; where there is a reference batch, it goes through beside the inputs."""
    reference = held.get("decoder.reference", np.zeros((0, inputs.shape[1])))
    rows = len(inputs)
    images = np.concatenate([inputs.astype(np.float64), reference])
    for layer in range(2):
        weight = held[f"decoder.layers.{layer}.weight"]
        if layer == 0:
            images = (images @ weight.T).reshape(-1, 4, 2, 3)
        else:
            images = transposed(images, weight)
        if normalise == "none":
            bias = held[f"decoder.layers.{layer}.bias"]
            images += bias.reshape(1, 4, 2, 3) if layer == 0 else bias[:, None, None]
        else:
            name = f"decoder.norms.{layer}."
            if normalise == "virtual":
                mean, square = moments(images[rows:], (0, 2, 3))
                own_mean, own_square = moments(images[:rows], (2, 3))
                share = 1 / (len(reference) + 1)
                mean = np.concatenate(
                    [share * own_mean + (1 - share) * mean, np.repeat(mean, len(reference), 0)]
                )
                square = np.concatenate(
                    [
                        share * own_square + (1 - share) * square,
                        np.repeat(square, len(reference), 0),
                    ]
                )
                var = square - mean**2
            elif training:
                mean, square = moments(images, (0, 2, 3))
                var = square - mean**2
            else:
                mean, var = (held[name + n][:, None, None] for n in ("mean", "var"))
            scale, bias = (held[name + n][:, None, None] for n in ("scale", "bias"))
            images = scale * (images - mean) / np.sqrt(var + 1e-5) + bias
        images = np.maximum(images, 0)
    last = transposed(images[:rows], held["decoder.layers.2.weight"])
    return (last + held["decoder.layers.2.bias"]).reshape(rows, -1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalise", ["none", "batch", "virtual"])
def test_decoder_in_numpy(normalise: str, training: bool) -> None:
    pair, held = moved(normalise=normalise, classes=2)
    inputs = np.concatenate([Z, np.eye(2)[[0, 1, 1, 0, 1]]], 1).astype(np.float32)
    with torch.no_grad():
        found = pair.train(training).decoder(torch.tensor(inputs)).numpy()
        stacked = pair.eval().decoder(torch.tensor(np.stack([inputs, inputs[::-1]])))
    expected = decoded(held, inputs, normalise, training=training)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    if normalise != "batch":  # particles in front
        np.testing.assert_allclose(stacked, np.stack([found, found[::-1]]), rtol=1e-5, atol=1e-5)
    if normalise == "virtual":
        reference = held["decoder.reference"]
        np.testing.assert_array_equal(reference[:, 3:].sum(0), [32, 32])
        assert np.abs(reference[:, :3].mean(0)).max() < 0.7  # 5.6 standard errors of 64 normals
        assert reference[:, :3].std() > 0.7


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalise", ["none", "batch", "virtual"])
def test_engines_agree_once_they_have_the_same_weights(normalise: str, training: bool) -> None:
    """Decoder and encoder, with classes; so do the batches that are referred to, from the start."""
    pair, held = moved(normalise=normalise, classes=2)
    twin: Any = create(
        "conv_generator", **{**SMALL, "engine": "numpyro"}, normalise=normalise, classes=2
    )
    for name, value in twin.get_weights().items():
        assert value.shape == held[name].shape, name
        if name == "decoder.reference":
            np.testing.assert_array_equal(value, held[name])
    twin.set_weights({name: value.astype(np.float32) for name, value in held.items()})
    given = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]
    x = RANDOM.random((5, 96)).astype(np.float32)
    pair.train(training)
    for network in (twin.decoder, twin.encoder):
        if not training:
            network.eval()
    for part, beside in (("decoder", Z), ("encoder", x)):
        inputs = np.concatenate([beside, given], 1)
        with torch.no_grad():
            theirs = getattr(pair, part)(torch.tensor(inputs)).numpy()
        ours = np.asarray(getattr(twin, part)(inputs))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    if normalise == "batch" and training:  # it has moved the running averages alike
        np.testing.assert_allclose(
            twin.get_weights()["decoder.norms.1.var"], pair.decoder.norms[1].var, rtol=1e-4
        )


def test_rows_of_virtual_batch_normalisation_on_numpyro_do_not_see_each_other() -> None:
    pair: Any = create("conv_generator", **{**SMALL, "engine": "numpyro"}, normalise="virtual")
    whole, part = (np.asarray(pair.decoder(Z[:rows])) for rows in (5, 3))
    np.testing.assert_allclose(whole[:3], part, atol=1e-6)
    stacked = np.asarray(pair.decoder(np.stack([Z, Z[::-1]])))
    np.testing.assert_allclose(stacked[1], whole[::-1], atol=1e-6)


@pytest.mark.parametrize("normalise", ["batch", "virtual"])
def test_an_example_and_the_rest_of_its_batch(normalise: str) -> None:
    """Batch normalisation in training mode sees the others; virtual batch normalisation never."""
    pair, _ = moved(normalise=normalise)
    with torch.no_grad():
        whole, part = (pair.decoder(torch.tensor(Z[:rows])) for rows in (5, 3))
    assert bool((whole[:3] - part).abs().max() < 1e-5) == (normalise == "virtual")


def test_encoder_in_numpy() -> None:
    pair, held = moved(classes=2)
    x = RANDOM.random((5, 96)).astype(np.float32)
    given = np.eye(2)[[0, 1, 1, 0, 1]].astype(np.float32)
    images = x.astype(np.float64).reshape(5, 1, 8, 12)
    for layer in range(2):
        name = f"encoder.found.layers.{layer}."
        images = convolved(images, held[name + "weight"], held[name + "bias"])
        images = np.where(images > 0, images, 0.2 * images)
    flat = np.concatenate([images.reshape(5, -1), given], 1)
    expected = flat @ held["encoder.last.weight"].T + held["encoder.last.bias"]
    with torch.no_grad():
        found = pair.encoder(torch.tensor(np.concatenate([x, given], 1))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_layout_of_the_paper() -> None:
    pair: Any = create("conv_generator", engine="pyro")
    shapes = [tuple(layer.weight.shape) for layer in pair.decoder.layers]
    assert shapes == [(64 * 7 * 7, 50), (64, 32, 4, 4), (32, 1, 4, 4)]
    assert pair.data_dim == 784
    for network in (pair.encoder, pair.decoder):
        for name, value in network.named_parameters():
            if value.ndim > 1:
                assert value.std().item() == pytest.approx(0.02, rel=0.2), name
    seeded: Any = [
        create("conv_generator", **SMALL, normalise="virtual", seed=s) for s in (3, 3, 4)
    ]
    one, same, other = (pair.state_dict() for pair in seeded)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    for name in ("decoder.reference", "decoder.layers.0.weight", "encoder.last.weight"):
        assert not torch.equal(one[name], other[name])


def test_a_resumed_run_on_digits_is_the_whole_run(tmp_path: Path) -> None:
    digits = load("digits")
    options: Any = {"engine": "pyro", "image_shape": (8, 8), "latent_dim": 4, "channels": 4}
    keywords: Any = {"objective": "iwae:num_particles=2", "learning_rate": 5e-3, "progress": False}
    pair = create("conv_generator", **options)
    whole = fit(pair, digits, steps=30, **keywords)
    fit(pair, digits, steps=17, out=tmp_path / "run", **keywords)
    again = fit(pair, digits, steps=30, out=tmp_path / "run", resume=True, **keywords)
    own, other = (dict(run.pair.wrapped.state_dict()) for run in (whole, again))
    assert any(name.endswith("var") for name in own)
    assert all(torch.equal(value, other[name]) for name, value in own.items())
    assert whole.rows[-1]["loss"] < 64 * np.log(2) - 3  # a coin for each pixel, as at the start
    assert np.isfinite(log_likelihood(whole.pair, digits.test[:20], num_particles=5).mean)
    np.testing.assert_array_equal(whole.sample(3), again.sample(3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"image_shape": (7, 8)},
            r"divisible by 4 .* such as \(28, 28\) or \(8, 8\); got \(7, 8\)",
        ),
        ({"image_shape": (64,)}, "must be .height, width."),
        ({"image_shape": 28}, "image_shape must be a sequence"),
        ({"channels": 0}, "channels must be a whole number of at least 1"),
        ({"normalise": "layer"}, "normalise must be one of none, batch, virtual"),
    ],
)
def test_what_is_refused_says_what_to_do(arguments: dict[str, Any], words: str) -> None:
    for engine in ("pyro", "numpyro"):
        with pytest.raises(ValueError, match=words):
            create("conv_generator", **{**SMALL, **arguments, "engine": engine})
