"""PixelCNN against sums over all images, derivatives, counts and the logistic's own formula."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pyro import poutine
from scipy.special import expit, log_softmax, softmax
from scipy.stats import chi2
from sequential_laws import called, jacobian, law, moved, states

from inference import check_pair, complete, fit, load_run, log_likelihood
from inference.engines import load_engine
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.networks.images.masked_convolutions import MaskedConvolution

KINDS = ("bernoulli", "categorical", "logistic-mixture")
stacks = pytest.mark.parametrize("gated", [False, True])
every = pytest.mark.parametrize("likelihood", KINDS)


def built(shape: tuple[int, int], x: Any = None, y: Any = None, **settings: Any) -> Any:
    """A small pair away from its start."""
    x = np.zeros((1, shape[0] * shape[1]), np.float32) if x is None else x
    batch = (x,) if y is None else (x, y)
    own = {"image_shape": shape, "channels": 4, "blocks": 2, "places": True, **settings}
    return moved("pyro", "pixel_cnn", batch, scale=0.7, **own)


def grey(levels: int, size: int) -> Any:
    """All rows of so many entries of so many levels."""
    values = np.linspace(0, 1, levels)
    return np.array(list(itertools.product(values, repeat=size)), np.float32)


@stacks
@every
def test_probabilities_of_all_images_sum_to_one_for_each_class(
    gated: bool, likelihood: str
) -> None:
    levels, shape = (2, (2, 4)) if likelihood == "bernoulli" else (4, (2, 2))
    x = grey(levels, shape[0] * shape[1])
    pair = built(
        shape, x[:2], np.array([0, 1]), gated=gated, likelihood=likelihood, classes=2, levels=levels
    )
    each = [log_likelihood(pair, (x, np.full(len(x), c)), 1).per_datum for c in (0, 1)]
    for log_p in each:
        assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=2e-5)
        assert log_p.std() > 0.3
    assert np.abs(each[0] - each[1]).max() > 0.1


@stacks
@pytest.mark.parametrize(("shape", "reach"), [((3, 5), 2), ((4, 8), 1)])
def test_no_output_depends_on_its_own_pixel_or_a_later_one(
    gated: bool, shape: tuple[int, int], reach: int
) -> None:
    """Two stacks reach every pixel before; one leaves those above, far to the right, unseen."""
    dim = shape[0] * shape[1]
    pair = built(shape, gated=gated, blocks=5, channels=8, reach=reach)
    found = law(pair, (np.zeros((1, dim), np.float32),))
    random = np.random.default_rng(0)
    slopes = np.zeros((dim, dim))
    for _ in range(20):  # a unit may be off at one image
        x = random.random(dim).astype(np.float32)
        output = jacobian("pyro", lambda v: found.network.outputs(v)[..., 0], x)
        slopes += np.abs(output)
    earlier = np.tri(dim, k=-1, dtype=bool)
    assert (slopes[~earlier] == 0).all()
    unseen = (slopes == 0) & earlier
    row, column = np.divmod(np.arange(dim), shape[1])
    up, right = row[:, None] - row, column - column[:, None]
    # The first layer takes a row above, and goes 3 to the right; the others take one each.
    blind = earlier & (up > 0) & (right > 3 + reach * (up - 1))
    np.testing.assert_array_equal(unseen, earlier & ~earlier if gated else blind)
    assert gated or blind.any()


@stacks
def test_biases_of_pixels_tell_where_a_pixel_is(gated: bool) -> None:
    """Of an even image, inner pixels see the same; a convolution gives them the same law."""
    even = np.zeros((1, 6 * 12), np.float32)
    for places in (False, True):
        found = law(built((6, 12), blocks=1, gated=gated, places=places), (even,))
        logits = called("pyro", found.network.outputs, even).reshape(6, 12)
        inner = logits[4:, 4:8]  # 3 and 1 pixels to each side, and up, are inside of the image
        assert (inner.std() > 0.01) if places else (inner.std() < 1e-5)
        assert logits[:4].std() > 0.01


@stacks
def test_check_pair_finds_a_mask_b_in_the_first_layer(gated: bool) -> None:
    x = (np.random.default_rng(1).random((4, 12)) < 0.5).astype(np.float32)
    checks = ["no-entry-sees-later-ones", "conditionals-give-the-density"]
    pair = built((3, 4), x[:2], gated=gated)
    report = check_pair(pair, x, checks=checks)
    assert not report.failed, report
    assert set(checks) <= {each.check for each in report.passed}
    for layer in pair.wrapped.network.stack.inputs:
        layer._mask[-1, layer.side] = 1
        found = check_pair(pair, x, checks=checks).failed
        assert {each.check for each in found} == {"no-entry-sees-later-ones"}
        layer._mask[-1, layer.side] = 0


def test_masks_are_those_of_the_paper() -> None:
    random = torch.Generator().manual_seed(0)

    def seen(**given: Any) -> list[list[int]]:
        return MaskedConvolution(1, 1, **given, generator=random)._mask.int().tolist()

    assert seen(up=1, side=1, own=False) == [[1, 1, 1], [1, 0, 0]]
    assert seen(up=1, side=1, own=True) == [[1, 1, 1], [1, 1, 0]]
    assert seen(up=1, side=1, own=False, rows=True) == [[1, 1, 1], [0, 0, 0]]
    assert seen(up=1, side=1, own=True, rows=True) == [[1, 1, 1], [1, 1, 1]]
    assert seen(up=0, side=2, own=True) == [[1, 1, 1, 0, 0]]


@stacks
@every
def test_the_pass_that_draws_is_the_pass_that_scores(gated: bool, likelihood: str) -> None:
    pair = built((4, 5), None, np.zeros(1, int), gated=gated, likelihood=likelihood, classes=3)
    y = np.array([0, 1, 2, 1])
    found = law(pair, (np.zeros((4, 20), np.float32), y))
    x = found.sample((2,)).numpy()  # draws in front of the images
    assert x.shape == (2, 4, 20)
    held = np.ones(x.shape, bool)
    drawn, weight = called("pyro", found.complete, x, held)
    np.testing.assert_array_equal(drawn, x)
    scored = called("pyro", found.log_prob, x)
    np.testing.assert_allclose(weight, scored, rtol=1e-4, atol=1e-4)
    assert found.features(torch.tensor(x)).shape == (2, 4, 20, 4)
    held[..., 10:] = False
    kept = called("pyro", found.complete, x, held)[0]
    np.testing.assert_array_equal(kept[..., :10], x[..., :10])
    assert (kept != x).any()


@stacks
def test_images_are_drawn_with_their_probabilities(gated: bool) -> None:
    """Pearson's chi-squared over 2^6 images, 20,000 draws, false-failure rate 1e-5.

    The same counts with the pixels in another order fail it.
    """
    count, size = 20_000, 6
    pair = built((2, 3), gated=gated)
    draws = load_engine("pyro").draw(pair, count, 0)[1]
    expected = count * np.exp(log_likelihood(pair, states(size), 1).per_datum.astype(float))
    codes, power = draws.astype(int), 2 ** np.arange(size)
    rare = expected < 1  # pooled, as a chi-squared needs
    pooled = np.append(expected[~rare], max(expected[rare].sum(), 1e-9))
    limit = chi2.isf(1e-5, len(pooled) - 1)
    for weights, right in ((power[::-1], True), (power, False)):
        found = np.bincount(codes @ weights, minlength=2**size)
        found = np.append(found[~rare], found[rare].sum())
        assert (((found - pooled) ** 2 / pooled).sum() < limit) == right


@pytest.mark.parametrize("likelihood", KINDS[1:])
def test_levels_of_a_pixel_sum_to_one_and_are_those_of_the_formula(likelihood: str) -> None:
    levels, number = 256, 3
    pair: Any = create(
        "pixel_cnn", engine="pyro", likelihood=likelihood, levels=levels, components=number
    )
    size = len(pair.network.last.bias)
    output = np.random.default_rng(0).normal(size=(4, 1, size)).astype(np.float32)
    values = np.linspace(0, 1, levels)
    each = pair.pixel.law(torch.tensor(output))
    log_p = each.log_prob(torch.tensor(values, dtype=torch.float32))
    found = log_p.double().exp().numpy()
    np.testing.assert_allclose(found.sum(-1), 1, atol=2e-5)
    out = output.astype(float)
    exact = softmax(out, -1)[:, 0]
    if likelihood == "logistic-mixture":
        weight, place, scale = np.split(out[:, 0], 3, axis=-1)
        edges = (np.arange(1, levels) - 0.5) / (levels - 1)
        below = expit((edges[None, :, None] - place[:, None]) / np.exp(scale[:, None]))
        parts = np.diff(below, axis=1, prepend=0.0, append=1.0)
        exact = (softmax(weight, -1)[:, None] * parts).sum(-1)
    else:
        np.testing.assert_allclose(each.mean[:, 0], exact @ values, rtol=1e-5)
    np.testing.assert_allclose(found, exact, rtol=2e-3, atol=1e-7)


def test_a_step_runs_the_network_once() -> None:
    """The mean that a model returns and the density of its value are of one pass."""
    pair: Any = create("pixel_cnn", engine="pyro", image_shape=(2, 3), channels=4, blocks=1)
    calls: list[int] = []
    pair.network.stack.first.register_forward_hook(lambda *_: calls.append(1))
    trace = poutine.trace(pair.model).get_trace(torch.zeros(1, 6))
    found, x = trace.nodes["x"]["fn"], torch.zeros(2, 6)
    calls.clear()
    with torch.no_grad():
        found.mean_given(x)
        found.log_prob(x)
    assert len(calls) == 1
    assert found.log_prob(x).requires_grad
    before = found.log_prob(x)
    x += 1
    assert (found.log_prob(x) != before).all()
    assert len(calls) == 4  # what is kept is for one density alone


def test_a_temperature_takes_probabilities_to_a_power() -> None:
    pixel = built((1, 1), likelihood="logistic-mixture", levels=5).wrapped.pixel
    output = torch.randn(1, 15, generator=torch.Generator().manual_seed(0))
    values = torch.linspace(0, 1, 5)
    log_p = pixel.law(output.unsqueeze(-2)).log_prob(values)[0].numpy()
    held = torch.ones(5, dtype=torch.bool)
    _, score = pixel.draw(output.expand(5, -1), values, held, 0.5)
    np.testing.assert_allclose(score, log_softmax(log_p / 0.5), rtol=1e-4, atol=1e-5)


def test_a_resumed_run_on_digits_is_the_whole_run(tmp_path: Path) -> None:
    digits = load("digits", labels="all", binarisation=None)
    pair = create(
        "pixel_cnn",
        engine="pyro",
        image_shape=(8, 8),
        channels=8,
        blocks=1,
        gated=True,
        likelihood="logistic-mixture",
        levels=17,
        classes=10,
    )
    keywords: Any = {"objective": "elbo", "learning_rate": 0.01, "progress": False}
    whole = fit(pair, digits, steps=30, **keywords)
    fit(pair, digits, steps=17, out=tmp_path / "run", **keywords)
    again = fit(pair, digits, steps=30, out=tmp_path / "run", resume=True, **keywords)
    assert whole.parameters.keys() == again.parameters.keys()
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name])
    assert whole.rows[-1]["loss"] < 64 * np.log(17) - 30  # all levels alike, as at the start
    x, y = (part[:3] for part in digits.arrays("test"))
    back = load_run(tmp_path / "run")
    np.testing.assert_array_equal(
        log_likelihood(back, (x, y), 1).per_datum, log_likelihood(again, (x, y), 1).per_datum
    )
    half = np.arange(64) < 32
    filled = complete(back.pair, (x, y), observed=np.broadcast_to(half, x.shape))
    np.testing.assert_array_equal(np.asarray(filled)[:, :32], x[:, :32])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image_shape": (64,)}, r"must be \(height, width\), such as \(28, 28\), got \(64,\)"),
        ({"image_shape": 28}, "image_shape must be a sequence"),
        ({"channels": 0}, "channels must be a whole number of at least 1"),
        ({"blocks": 0}, "blocks must be a whole number of at least 1"),
        ({"gated": 1}, "gated must be True or False"),
        ({"places": 1}, "places must be True or False"),
        ({"reach": 0}, "reach must be a whole number of at least 1"),
        ({"likelihood": "gaussian"}, "one of bernoulli, categorical, logistic-mixture"),
        ({"levels": 1}, "levels must be at least 2"),
        ({"classes": -1}, "classes must be a whole number, 0 for none"),
        ({"engine": "numpyro"}, "no numpyro pair; it exists for: pyro"),
    ],
)
def test_what_is_refused_says_what_to_do(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("pixel_cnn", **{"engine": "pyro", **arguments})
