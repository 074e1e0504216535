"""PixelRNN against sums over all images, derivatives, plain loops, and its own draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sequential_laws import called, jacobian, law, moved, states

from inference import check_pair, complete, fit, log_likelihood
from ppl_models import create
from ppl_models.networks.images.pixel_recurrent import DiagonalBiLSTM, DiagonalLSTM, RowLSTM

Array = NDArray[Any]
cells = pytest.mark.parametrize("cell", ["row", "diagonal"])
SIZE, LAYERS = 2, 2


def built(cell: str, shape: tuple[int, int], y: Any = None, **settings: Any) -> Any:
    """A small pair away from its start."""
    x = np.zeros((1, shape[0] * shape[1]), np.float32)
    own = {"image_shape": shape, "cell": cell, "channels": 4, "layers": LAYERS, **settings}
    return moved("pyro", "pixel_rnn", (x,) if y is None else (x, y), scale=0.7, **own)


@cells
@pytest.mark.parametrize("shape", [(2, 4), (4, 2)])
def test_probabilities_of_all_images_sum_to_one(cell: str, shape: tuple[int, int]) -> None:
    log_p = log_likelihood(built(cell, shape), states(8), 1).per_datum
    assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=2e-5)
    assert log_p.std() > 0.3


@cells
def test_probabilities_of_levels_sum_to_one_for_each_class(cell: str) -> None:
    levels = np.linspace(0, 1, 4)
    x = np.stack(np.meshgrid(*[levels] * 4, indexing="ij"), -1).reshape(-1, 4).astype(np.float32)
    settings: Any = {"likelihood": "categorical", "levels": 4, "classes": 2}
    pair = built(cell, (2, 2), np.array([0]), **settings)
    each = [log_likelihood(pair, (x, np.full(len(x), c)), 1).per_datum for c in (0, 1)]
    for log_p in each:
        assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=2e-5)
    assert np.abs(each[0] - each[1]).max() > 0.1


@cells
@pytest.mark.parametrize("shape", [(3, 5), (4, 8)])
def test_no_output_depends_on_its_own_pixel_or_a_later_one(
    cell: str, shape: tuple[int, int]
) -> None:
    """What is reached is what can be: a triangle by rows; by diagonals all but a row's last pixel.

    That one is seen from the next row's beginning by no state: the first layer goes 3 to the right,
    and a state to the right of it is not there.
    """
    dim = shape[0] * shape[1]
    found = law(built(cell, shape, channels=8), (np.zeros((1, dim), np.float32),))
    random, slopes = np.random.default_rng(0), np.zeros((dim, dim))
    for _ in range(5):  # a unit may be off at one image
        x = random.random(dim).astype(np.float32)
        slopes += np.abs(jacobian("pyro", lambda v: found.network.outputs(v)[..., 0], x))
    earlier = np.tri(dim, k=-1, dtype=bool)
    assert (slopes[~earlier] == 0).all()
    row, column = np.divmod(np.arange(dim), shape[1])
    up, right = row[:, None] - row, column - column[:, None]
    blind = (up == 1) & (column == shape[1] - 1) & (right > 3)
    if cell == "row":  # a row above is one more to each side, a layer one more to the left
        blind = (up > 0) & (right > up + 2) | (-right > up + LAYERS + 3)
    np.testing.assert_array_equal((slopes == 0) & earlier, blind & earlier)
    assert (blind & earlier).any()


@cells
def test_check_pair_finds_a_mask_b_in_the_first_layer(cell: str) -> None:
    x = (np.random.default_rng(1).random((4, 12)) < 0.5).astype(np.float32)
    checks = ["no-entry-sees-later-ones", "conditionals-give-the-density"]
    pair = built(cell, (3, 4))
    report = check_pair(pair, x, checks=checks)
    assert not report.failed, report
    assert set(checks) <= {each.check for each in report.passed}
    (layer,) = pair.wrapped.network.stack.inputs
    layer._mask[-1, layer.side] = 1
    found = check_pair(pair, x, checks=checks).failed
    assert {each.check for each in found} == {"no-entry-sees-later-ones"}


@cells
@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic-mixture"])
def test_the_pass_that_draws_is_the_pass_that_scores(cell: str, likelihood: str) -> None:
    pair = built(cell, (4, 5), np.zeros(1, int), likelihood=likelihood, classes=3, levels=5)
    y = np.array([0, 1, 2, 1])
    found = law(pair, (np.zeros((4, 20), np.float32), y))
    x = found.sample((2,)).numpy()  # draws in front of the images
    assert x.shape == (2, 4, 20)
    held = np.ones(x.shape, bool)
    drawn, weight = called("pyro", found.complete, x, held)
    np.testing.assert_array_equal(drawn, x)
    scored = called("pyro", found.log_prob, x)
    np.testing.assert_allclose(weight, scored, rtol=1e-4, atol=1e-4)
    held[..., 10:] = False
    kept = called("pyro", found.complete, x, held)[0]
    np.testing.assert_array_equal(kept[..., :10], x[..., :10])
    assert (kept != x).any()


def parameters(layer: torch.nn.Module) -> dict[str, Array]:
    with torch.no_grad():
        for number, each in enumerate(layer.parameters()):
            each.copy_(torch.randn(each.shape, generator=torch.Generator().manual_seed(number)))
    return {name: each.detach().double().numpy() for name, each in layer.named_parameters()}


def lstm(gates: Array, c: Array) -> tuple[Array, Array]:
    i, f, g, o = np.split(gates, 4)
    c = expit(f + 1) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


def test_a_row_layer_is_its_plain_loop() -> None:
    layer = RowLSTM(3, SIZE, torch.Generator())
    own, x = parameters(layer), np.random.default_rng(0).normal(size=(3, 3, 4))
    found = layer(torch.tensor(x[None], dtype=torch.float32))[0].detach().numpy()
    h = c = np.zeros((SIZE, 4))
    for row in range(3):
        rows = np.pad(x[:, row], ((0, 0), (1, 1))), np.pad(h, ((0, 0), (1, 1)))
        states = []
        for j in range(4):
            gates = own["inputs.bias"] + own["above.bias"]
            for k in range(3):
                if k < 2:  # the pixel itself and the one to its left
                    gates = gates + own["inputs.weight"][:, :, 0, k] @ rows[0][:, j + k]
                gates = gates + own["above.weight"][:, :, 0, k] @ rows[1][:, j + k]
            states.append(lstm(gates, c[:, j]))
        h, c = (np.stack(part, -1) for part in zip(*states, strict=True))
        np.testing.assert_allclose(found[:, row], h, rtol=1e-4, atol=1e-5)


def diagonal(own: dict[str, Array], x: Array) -> Array:
    """The states from the left, one pixel after another."""
    height, width = x.shape[1:]
    h, c = (np.zeros((SIZE, height + 1, width + 1)) for _ in range(2))
    for i in range(height):
        for j in range(width):
            before = np.concatenate([h[:, i + 1, j], h[:, i, j + 1]])
            gates = own["inputs.weight"][:, :, 0, 0] @ x[:, i, j] + own["inputs.bias"]
            gates = gates + own["before.weight"] @ before + own["before.bias"]
            h[:, i + 1, j + 1], c[:, i + 1, j + 1] = lstm(gates, c[:, i + 1, j])
    return h[:, 1:, 1:]


@pytest.mark.parametrize("shape", [(3, 5), (5, 2), (1, 4), (4, 1)])
def test_a_diagonal_layer_is_its_plain_loop(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(3, *shape))
    shown = torch.tensor(x[None], dtype=torch.float32)
    one = DiagonalLSTM(3, SIZE, torch.Generator())
    own = parameters(one)
    np.testing.assert_allclose(one(shown)[0].detach(), diagonal(own, x), rtol=1e-4, atol=1e-5)
    two = DiagonalBiLSTM(3, SIZE, torch.Generator())
    left, right = parameters(two.from_left), parameters(two.from_right)
    exact = diagonal(left, x)
    exact[:, 1:] += diagonal(right, x[..., ::-1])[:, :-1, ::-1]  # a row later
    np.testing.assert_allclose(two(shown)[0].detach(), exact, rtol=1e-4, atol=1e-5)


@cells
def test_it_learns_and_fills_in(cell: str) -> None:
    """A stripe per image, in a row that the first pixels say: at most log 4 nats, and then some."""
    x = np.zeros((4, 4, 4), np.float32)
    x[np.arange(4), np.arange(4)] = 1
    x = np.repeat(x.reshape(4, 16), 8, axis=0)
    pair = create("pixel_rnn", engine="pyro", image_shape=(4, 4), cell=cell, channels=8, layers=1)
    settings: Any = {"learning_rate": 0.02, "batch_size": 32, "progress": False}
    run = fit(pair, x, objective="elbo", steps=120, **settings)
    assert log_likelihood(run.pair, x, 1).mean > -np.log(4) - 0.5
    filled = complete(run.pair, x[::8], observed=np.broadcast_to(np.arange(16) < 8, (4, 16)))
    np.testing.assert_array_equal(np.asarray(filled)[:, :8], x[::8, :8])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image_shape": (64,)}, r"must be \(height, width\), such as \(28, 28\), got \(64,\)"),
        ({"cell": "column"}, "cell must be one of row, diagonal"),
        ({"channels": 0}, "channels must be a whole number of at least 1"),
        ({"layers": 0}, "layers must be a whole number of at least 1"),
        ({"engine": "numpyro"}, "no numpyro pair; it exists for: pyro"),
    ],
)
def test_what_is_refused_says_what_to_do(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("pixel_rnn", **{"engine": "pyro", **arguments})
