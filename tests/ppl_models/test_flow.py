"""Normalising flows: the map, its volume and its density against what is known otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from jax import random
from numpyro.handlers import seed as seeded
from pyro.distributions.transforms.spline import ConditionedSpline
from rows import ENGINES
from scipy.stats import multivariate_normal

from inference import MMD, fit, load_run, log_likelihood, valid_objectives
from inference.errors import ArgumentError, ObjectiveError
from ppl_models import create
from ppl_models.flows._maps import Spline
from ppl_models.flows._plan import KINDS, masks

SIZES: dict[str, Any] = {"data_dim": 3, "length": 3, "hidden": (6,), "bins": 4}


def moved(kind: str, *, by: float = 0.3, **more: Any) -> Any:
    """A Pyro pair in double precision, away from its start, in evaluation mode."""
    pair: Any = create("flow", engine="pyro", kind=kind, **{**SIZES, **more})
    pair = pair.double().eval()
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in pair.parameters():
            value += by * torch.randn(value.shape, generator=noise, dtype=value.dtype)
        for name, value in pair.named_buffers():
            value += 0.2 + 0.3 * name.endswith("mean")
    return pair


def both(pair: Any, x: torch.Tensor, context: torch.Tensor | None = None) -> tuple[Any, ...]:
    u, volume = pair.flow.to_noise(x, context)
    back, other = pair.flow.to_data(u, context)
    return u, volume, back, other


def broken(x: torch.Tensor, network: Any, context: Any) -> Any:
    """The volume by autodiff, row by row."""
    rows = [
        torch.autograd.functional.jacobian(
            lambda row, at=at: network.to_noise(row, None if context is None else context[at])[0],
            row,
        )
        for at, row in enumerate(x)
    ]
    return torch.linalg.slogdet(torch.stack(rows))[1]


CASES = {
    **{kind: {"kind": kind} for kind in KINDS},
    "conditional": {"kind": "maf", "condition_dim": 2, "permutations": "random"},
    "batch-norm": {"kind": "realnvp", "batch_norm": True, "rescale": True},
    "logit": {"kind": "spline", "preprocess": "logit", "rescale": True},
}


@pytest.mark.parametrize("case", CASES)
def test_there_and_back_and_the_volume_of_autodiff(case: str) -> None:
    pair = moved(**CASES[case])
    random_rows = torch.Generator().manual_seed(2)
    x = torch.randn(5, 3, generator=random_rows, dtype=torch.float64)
    context = None
    if case == "conditional":
        context = torch.randn(5, 2, generator=random_rows, dtype=torch.float64)
    if case == "logit":
        x = x.sigmoid()
    u, volume, back, other = both(pair, x, context)
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(volume, -other, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(volume, broken(x, pair.flow, context), rtol=1e-9, atol=1e-9)
    assert (u - x).abs().max() > 0.1
    if case != "nice":
        assert volume.abs().min() > 1e-3
        # The check is one: a step whose volume is left out is seen.
        assert (volume - 0.9 * other).abs().min() > 1e-4


def test_coupling_of_shifts_keeps_the_volume() -> None:
    pair = moved("nice", by=1.0)
    assert not both(pair, torch.randn(5, 3, dtype=torch.float64))[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_numpyro_draws_as_pyro_does(kind: str) -> None:
    """The map from u to x at the same parameters; the densities are compared with all models'."""
    ours = create("flow", kind=kind, **{**SIZES, "length": 2})
    theirs: Any = create("flow", engine="pyro", kind=kind, **{**SIZES, "length": 2})
    weights = {name: value.detach() for name, value in theirs.flow.named_parameters()}
    leaves = jax.tree_util.tree_leaves_with_path(nnx_params(ours))
    assert len(leaves) == len(weights)
    named = {}
    for path, _ in leaves:
        name = ".".join(str(getattr(part, "key", part)) for part in path)
        value = weights[name.replace(".kernel", ".weight")].numpy()
        named[name] = value.T if name.endswith("kernel") else value
    u = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)

    @jax.jit
    def there_and_back(u: Any) -> Any:
        return with_values(ours, named, u)

    x, volume, back, other = map(np.asarray, there_and_back(u))
    expected = theirs.flow.to_data(torch.tensor(u), None)
    np.testing.assert_allclose(x, expected[0].detach(), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(volume, expected[1].detach(), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(back, u, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other, -volume, rtol=1e-4, atol=1e-4)


def nnx_params(pair: Any) -> Any:
    return nnx.to_pure_dict(nnx.state(pair.flow, nnx.Param))


def with_values(pair: Any, named: dict[str, Any], u: Any) -> Any:
    graph, state = nnx.split(pair.flow)
    pure = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(named[".".join(str(part.key) for part in path)]),
        nnx.to_pure_dict(state),
    )
    nnx.replace_by_pure_dict(state, pure)
    network = nnx.merge(graph, state)
    x, volume = network.to_data(u, None)
    return x, volume, *network.to_noise(x, None)


@pytest.mark.parametrize("kind", ["nice", "maf"])
def test_a_linear_flow_is_a_gaussian(kind: str) -> None:
    pair = moved(kind, by=0.7, hidden=(), rescale=True)
    if kind == "maf":  # scales that no column decides
        with torch.no_grad():
            for step in pair.flow.steps:
                if hasattr(step, "network"):
                    step.network.layers[0].weight[3:] = 0
    x = torch.randn(6, 3, dtype=torch.float64)
    slope = torch.autograd.functional.jacobian(lambda row: pair.flow.to_noise(row, None)[0], x[0])
    inverse = torch.linalg.inv(slope).numpy()
    mean = pair.flow.to_data(torch.zeros(1, 3, dtype=torch.float64), None)[0][0].detach().numpy()
    exact = multivariate_normal(mean, inverse @ inverse.T).logpdf(x.numpy())
    np.testing.assert_allclose(log_likelihood(pair, x.numpy(), 1).per_datum, exact, rtol=1e-9)


def test_the_best_linear_autoregression_is_that_of_least_squares() -> None:
    """At the regressions of each column on those before it the gradient of ELBO is zero."""
    x = np.random.default_rng(0).normal(size=(40, 3)) @ np.array(
        [[1, 0.5, 2], [0, 1, -1], [0, 0, 1]]
    )
    pair: Any = create("flow", engine="pyro", kind="maf", data_dim=3, length=1, hidden=())
    pair = pair.double()
    layer: Any = pair.flow.steps[0].network.layers[0]
    with torch.no_grad():
        layer.weight.zero_()
        for column in range(3):
            before = np.column_stack([x[:, :column], np.ones(40)])
            found, *_ = np.linalg.lstsq(before, x[:, column], rcond=None)
            left = x[:, column] - before @ found
            layer.weight[column, :column] = torch.tensor(found[:-1])
            layer.bias[column] = found[-1]
            layer.bias[3 + column] = 0.5 * np.log(np.mean(left**2))
    law = pair._law(40, None)
    value = law.log_prob(torch.tensor(x)).mean()
    value.backward()
    gaussian: Any = multivariate_normal
    exact = gaussian(x.mean(0), np.cov(x.T, bias=True)).logpdf(x).mean()
    assert float(value.detach()) == pytest.approx(exact, rel=1e-10)
    mask = torch.tensor(masks(3, (), 2, context=False)[0])[:3]
    assert (layer.weight.grad[:3] * mask).abs().max() < 1e-10
    assert layer.bias.grad.abs().max() < 1e-10


@pytest.mark.parametrize(
    ("kind", "more"),
    [("spline", {}), ("maf", {"base": "mixture", "components": 3}), ("realnvp", {"rescale": True})],
)
def test_the_density_integrates_to_one(kind: str, more: dict[str, Any]) -> None:
    """The midpoint rule on 400 x 400 points over [-10, 10] squared."""
    pair = moved(kind, by=0.2, data_dim=2, activation="tanh", **more)
    line = torch.arange(-10 + 0.025, 10, 0.05, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    with torch.no_grad():
        total = pair._law(len(points), None).log_prob(points).exp().sum() * 0.05**2
    assert float(total) == pytest.approx(1, abs=2e-3)


def test_the_density_after_a_logit_integrates_to_one_where_it_lives() -> None:
    pair = moved("maf", by=0.2, data_dim=1, preprocess="logit", margin=0.1)
    edge = 0.1 / 0.8
    law = pair._law(1, None)
    assert law.support.check(torch.tensor([[-edge + 1e-6], [1.0 + edge - 1e-6]])).all()
    assert not law.support.check(torch.tensor([[-edge - 1e-3]])).any()
    width = (1 + 2 * edge) / 200_000
    points = -edge + width * (torch.arange(200_000, dtype=torch.float64)[:, None] + 0.5)
    with torch.no_grad():
        total = pair._law(200_000, None).log_prob(points).exp().sum() * width
    assert float(total) == pytest.approx(1, abs=1e-3)
    x = pair.model(size=50)
    assert ((x > -edge) & (x < 1 + edge)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_far_from_the_data_density_and_gradient_are_numbers(kind: str) -> None:
    pair = moved(kind, by=0.5).float()
    x = torch.tensor([[1e6, -1e6, 1e6], [0.0, 1e5, 0.0], [-1e6, 0.0, 3.0]], requires_grad=True)
    found = pair._law(3, None).log_prob(x)
    found.sum().backward()
    assert found.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(value.grad.isfinite().all() for value in pair.parameters())


def test_splines_are_those_of_pyro() -> None:
    """In the inner bins: at the ends Pyro's slope is 0.999, where the line outside has 1."""
    noise = torch.Generator().manual_seed(0)
    raw = torch.randn(300, 3, 14, generator=noise, dtype=torch.float64)
    value = 4 * torch.rand(300, 3, generator=noise, dtype=torch.float64) - 2
    widths, heights, slopes = raw.split([5, 5, 4], -1)
    slopes = torch.nn.functional.softplus(slopes + np.log(np.expm1(1 - 1e-3)))
    widths = widths.softmax(-1)
    theirs: Any = ConditionedSpline(
        (widths, heights.softmax(-1), slopes, None), bound=2.0, order="quadratic"
    )
    mapped: Any = theirs(value)
    numbers = raw.movedim(-1, -2), torch.zeros(14, 3, dtype=torch.float64)
    spline: Any = Spline(5, 2.0)
    ours, volume = spline(value, *numbers, back=False)
    inner = (value > 4 * widths[..., 0] - 1.99) & (value < 1.99 - 4 * widths[..., -1])
    assert inner.sum() > 300
    volumes: Any = theirs.log_abs_det_jacobian(value, mapped)
    torch.testing.assert_close(ours[inner], mapped[inner], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(volume[inner], volumes[inner], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_encodes_samples_and_comes_back(engine: str, tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal([2.0, -1.0], [0.5, 2.0], size=(400, 2)).astype(np.float32)
    pair = create("flow", engine=engine, data_dim=2, length=1, hidden=(4,), rescale=True)
    run = fit(
        pair, x, steps=400, learning_rate=0.02, batch_size=400, progress=False, out=tmp_path / "a"
    )
    u = run.encode(x)
    assert u.shape == x.shape
    assert abs(u.mean(0)).max() < 0.2
    assert abs(u.std(0) - 1).max() < 0.2
    np.testing.assert_array_equal(load_run(tmp_path / "a").encode(x), u)
    with pytest.raises(ArgumentError, match=r"mean=True is for .* codes.*flow.*leave out mean="):
        run.encode(x, mean=True)
    drawn = run.sample(2000)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.4)
    np.testing.assert_allclose(drawn.std(0), x.std(0), rtol=0.2)
    np.testing.assert_array_equal(drawn, run.sample(2000, mean=False))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_flow_has_not_is_refused_by_name(engine: str) -> None:
    x = np.zeros((4, 2), np.float32) + np.arange(4, dtype=np.float32)[:, None]
    small: dict[str, Any] = {"engine": engine, "data_dim": 2, "length": 1, "hidden": (3,)}
    pair = create("flow", **small)
    found = valid_objectives(pair, x)
    assert {"ELBO", "MMD", "Adversarial"} <= set(found.valid)
    for name in ("IWAE", "DReG", "STL", "WakeSleep", "Concrete", "InfoVAE"):
        assert name in found.refused[name]
    mixture = create("flow", base="mixture", **small)
    with pytest.raises(ObjectiveError, match=r"MMD.*'x'.*no gradient"):
        fit(mixture, x, objective=MMD(), steps=1, progress=False)
    drawn = fit(mixture, x, steps=1, progress=False).sample(5)
    assert drawn.shape == (5, 2)
    plain = create("ppca", engine=engine, data_dim=2, latent_dim=1)
    with pytest.raises(ArgumentError, match=r"encode.*to_base.*run\.latents\(x\)"):
        fit(plain, x, steps=1, progress=False).encode(x)


def test_draws_carry_a_gradient_to_every_parameter() -> None:
    pair: Any = create("flow", engine="pyro", kind="maf", data_dim=3, length=2, hidden=(4,))
    pair.model(size=6).square().sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in pair.parameters())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_condition_is_asked_for_and_heard(engine: str) -> None:
    pair: Any = create("flow", engine=engine, data_dim=2, length=1, hidden=(3,), classes=3)
    plain: Any = create("flow", engine=engine, data_dim=2)
    as_array: Callable[..., Any] = torch.tensor if engine == "pyro" else jnp.asarray
    x, y = as_array([[0.1, 0.2], [0.1, 0.2]]), as_array([0, 2])
    for call, words in [
        (lambda: pair.model(x), "y is missing"),
        (lambda: pair.model(None, as_array([0, 3])), "classes from 0 to 2"),
        (lambda: plain.model(x, y), "takes x alone"),
    ]:
        with pytest.raises(ValueError, match=words):
            seeded(call, random.PRNGKey(0))() if engine == "numpyro" else call()
    found = log_likelihood(pair, (np.asarray(x), np.asarray(y)), 1).per_datum
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "planar"}, "kind must be one of nice, realnvp"),
        ({"kind": "realnvp", "data_dim": 1}, "data_dim of at least 2"),
        ({"permutations": "swap"}, "permutations must be one of reverse"),
        ({"margin": 0.5, "preprocess": "logit"}, "margin must be below 0.5"),
        ({"base": "laplace"}, "base must be one of normal, mixture"),
        ({"bins": 1000}, "bins must be below 1000"),
        ({"classes": 2, "condition_dim": 2}, "give one of classes="),
    ],
)
def test_arguments_out_of_range_are_named(given: dict[str, Any], words: str) -> None:
    for engine in ENGINES:
        with pytest.raises(ValueError, match=words):
            create("flow", engine=engine, **given)


@pytest.mark.parametrize("engine", ENGINES)
def test_double_precision_stays_double(engine: str) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    small: dict[str, Any] = {"data_dim": 2, "length": 1, "hidden": (3,), "kind": "spline"}
    with jax.enable_x64(engine == "numpyro"):
        pair: Any = create("flow", engine=engine, **small)
        run = fit(pair.double() if engine == "pyro" else pair, x, steps=2, progress=False)
        assert run.encode(x).dtype == run.sample(2).dtype == np.float64
