"""Moment matching against loops, closed forms for Gaussians, and finite differences."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from generators import ROWS, data, finite_differences, generated, one_step
from rows import ENGINES
from scipy.stats import norm

from inference import fit
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.objectives import MMD, InfoVAE, parse_objective
from ppl_models import create

WIDTHS = (0.5, 2.0)


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def rbf(a: Any, b: Any) -> float:
    square = ((a - b) ** 2).sum()
    return float(np.mean([np.exp(-square / (2 * s**2)) for s in WIDTHS]))


def multiquadric(a: Any, b: Any) -> float:
    square = ((a - b) ** 2).sum()
    return float(np.mean([1 / (1 + square / (2 * s**2)) for s in WIDTHS]))


def by_loops(x: Any, g: Any, kernel: Any, *, unbiased: bool) -> float:
    total = 0.0
    for rows in (x, g):
        n = len(rows)
        pairs = [kernel(rows[i], rows[j]) for i in range(n) for j in range(n) if i != j]
        own = 0.0 if unbiased else sum(kernel(row, row) for row in rows)
        total += (sum(pairs) + own) / (n * (n - 1) if unbiased else n**2)
    return total - 2 * float(np.mean([kernel(a, b) for a in x for b in g]))


def by_pairs(x: Any, g: Any) -> float:
    half, terms = len(x) // 2, []
    for i in range(half):
        j = half + i
        terms.append(rbf(x[i], x[j]) + rbf(g[i], g[j]) - rbf(x[i], g[j]) - rbf(x[j], g[i]))
    return float(np.mean(terms))


SETTINGS: dict[str, Any] = {
    "unbiased": {},
    "biased": {"unbiased": False},
    "root": {"unbiased": False, "sqrt": True},
    "linear": {"linear_time": True},
    "multiquadric": {"kernel": "inverse-multiquadric"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_value_and_gradient_match_loops(engine, setting):
    objective = MMD(bandwidths=WIDTHS, **SETTINGS[setting])
    step = one_step(engine, objective, data())
    x = data().astype(np.float64)

    def discrepancy(params: Any) -> float:
        g = generated(params, step.z)
        if setting == "linear":
            return by_pairs(x, g)
        kernel = multiquadric if setting == "multiquadric" else rbf
        value = by_loops(x, g, kernel, unbiased=objective.unbiased)
        return value**0.5 if setting == "root" else value

    assert step.value == pytest.approx(-ROWS * discrepancy(step.params), rel=1e-4)
    expected = finite_differences(discrepancy, step.params)
    for name, gradient in step.gradients.items():
        np.testing.assert_allclose(gradient, ROWS * expected[name], rtol=2e-3, atol=2e-4)
        assert gradient.any() == (name in ("weight", "mean"))


def test_gradient_is_that_of_the_exact_discrepancy_of_gaussians(engine):
    """Mean over 4,000 draws of 20 rows against E k = s / sqrt(s^2 + v), v the gap's variance.

    |z| < 5 for three parameters on two engines fails by chance with probability 4e-6.
    """
    s, noise = 1.5, 0.5
    x = np.random.default_rng(0).normal(1.0, 1.0, size=(20, 1)).astype(np.float32)
    pair = create("ppca", engine=engine, data_dim=1, latent_dim=1, noise_scale=noise)
    start = {"weight": np.full((1, 1), 0.7), "mean": np.zeros(1), "log_noise": np.log(noise)}
    values = {name: np.asarray(value, dtype=np.float32) for name, value in start.items()}
    objective = MMD(bandwidths=s, draw="sample")
    grads, losses = load_engine(engine).gradients(pair, objective, (x,), 4_000, values=values)

    def exact(params: Any) -> float:
        variance = params["weight"][0, 0] ** 2 + np.exp(2 * params["log_noise"])
        wide = np.hypot(s, np.sqrt(variance))
        cross = (s / wide) * np.exp(-((x[:, 0] - params["mean"]) ** 2) / (2 * wide**2))
        gap = (x - x.T)[~np.eye(20, dtype=bool)]
        within = np.exp(-(gap**2) / (2 * s**2)).mean()
        return within + s / np.hypot(s, np.sqrt(2 * variance)) - 2 * cross.mean()

    wanted = {name: np.asarray(v, dtype=np.float64) for name, v in start.items()}
    limit = norm.isf(3e-7)
    error = losses.std() / np.sqrt(len(losses))
    assert abs(losses.mean() - 20 * exact(wanted)) < limit * error
    for name, gradient in finite_differences(exact, wanted).items():
        drawn = grads[name].reshape(len(losses), -1)
        error = drawn.std(0) / np.sqrt(len(losses))
        z = (drawn.mean(0) - 20 * gradient.reshape(-1)) / error
        assert abs(z).max() < limit, name
        assert (abs(20 * gradient.reshape(-1)) > 5 * limit * error).all()  # zero would be seen


def test_labels_multiply_the_kernel(engine):
    """Rows of different classes do not see each other."""
    pair = create("mlp_generator", engine=engine, data_dim=4, latent_dim=2, hidden=(5,), classes=2)
    random = np.random.default_rng(0)
    x, y = random.random((12, 4)).astype(np.float32).round(), np.repeat([0, 1], 6)
    settings: Any = {"objective": MMD(bandwidths=1.0, unbiased=False), "progress": False}
    together = fit(pair, (x, y), steps=1, **settings).history["loss"].iloc[0]
    alone = [
        fit(pair, (x[y == c], y[y == c]), steps=1, **settings).history["loss"].iloc[0]
        for c in (0, 1)
    ]
    # Each class is a quarter of all pairs; the noise of the draws differs between the three.
    assert together == pytest.approx(sum(alone) / 4, rel=0.25)


def test_bandwidths_of_the_data(engine):
    """Multiples of the root mean square distance between two different rows."""
    x = data().astype(np.float64)
    squares = [((x[i] - x[j]) ** 2).sum() for i in range(ROWS) for j in range(i)]
    typical = float(np.sqrt(np.mean(squares)))
    chosen = one_step(engine, MMD(bandwidths=[m * typical for m in (0.25, 0.5, 1, 2, 4)]), data())
    assert one_step(engine, MMD(), data()).value == pytest.approx(chosen.value, rel=1e-5)


def test_sample_size_apart_from_the_data(engine):
    step = one_step(engine, MMD(bandwidths=WIDTHS, num_samples=9), data(), draws=9)
    drawn = generated(step.params, step.z)
    assert len(drawn) == 9
    expected = by_loops(data().astype(np.float64), drawn, rbf, unbiased=True)
    assert step.value == pytest.approx(-ROWS * expected, rel=1e-4)
    run = fit(
        create("ppca", engine=engine, data_dim=3, latent_dim=2),
        data(),
        objective=MMD(num_samples=9),
        steps=3,
        valid=data()[:1],  # a single row has only a biased estimate
        progress=False,
    )
    assert np.isfinite(run.history["valid_bound"].iloc[-1])


def test_code_space_uses_a_network_as_it_is(engine):
    """The discrepancy of codes 2 x is that of x under half the bandwidth."""
    plain = one_step(engine, MMD(bandwidths=0.5), data())
    doubled: Any
    if engine == "pyro":
        doubled = torch.nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            doubled.weight.copy_(2 * torch.eye(3))
    else:
        from flax import nnx

        doubled = nnx.Linear(3, 3, use_bias=False, rngs=nnx.Rngs(0))
        doubled.kernel[...] = 2 * jnp.eye(3)
    coded = one_step(engine, MMD(bandwidths=1.0, features=doubled), data())
    assert coded.value == pytest.approx(plain.value, rel=1e-4)
    assert set(coded.gradients) == set(plain.gradients)  # the network is no parameter
    np.testing.assert_allclose(coded.gradients["weight"], plain.gradients["weight"], rtol=1e-3)


def test_a_network_of_codes_does_not_see_the_data(engine):
    """Batch normalisation divides by the averages that it came with, not by the minibatch's."""
    normalised: Any
    if engine == "pyro":
        normalised = torch.nn.BatchNorm1d(3, affine=False, eps=0.0)
        normalised.running_var.fill_(0.25)
    else:
        from flax import nnx

        normalised = nnx.BatchNorm(
            3, use_bias=False, use_scale=False, epsilon=0.0, rngs=nnx.Rngs(0)
        )
        normalised.var[...] = jnp.full(3, 0.25)
    coded = one_step(engine, MMD(bandwidths=1.0, features=normalised), data())
    plain = one_step(engine, MMD(bandwidths=0.5), data())  # codes are 2 x
    assert coded.value == pytest.approx(plain.value, rel=1e-4)
    if engine == "pyro":
        assert normalised.training  # as it was
        assert float(normalised.running_mean.abs().max()) == 0


def test_info_vae_is_the_elbo_at_its_corner(engine):
    """alpha = 0 and lambda = 1 leave the ELBO; its gradients are the same."""
    from inference.objectives import ELBO

    corner = one_step(engine, InfoVAE(alpha=0.0, scale=1.0), data())
    elbo = one_step(engine, ELBO(), data())
    assert corner.value == pytest.approx(elbo.value, rel=1e-5)
    for name, gradient in elbo.gradients.items():
        np.testing.assert_allclose(corner.gradients[name], gradient, rtol=1e-4, atol=1e-4)


def test_info_vae_against_closed_forms(engine):
    """Mean value over 2,000 draws: the KL and the discrepancy of Gaussians from their formulas.

    |z| < 5 for two differences on two engines fails by chance with probability 3e-6.
    """
    pair = create("ppca", engine=engine, data_dim=3, latent_dim=2, seed=1)
    weight = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    shift = np.full(2, 1.5, dtype=np.float32)
    means = data() @ weight.T + shift  # of the guide, whose covariance is the identity

    def values(alpha: float, scale: float) -> Any:
        objective = InfoVAE(alpha, scale, kernel="rbf-mixture", bandwidths=1.0)
        given = {"guide_weight": weight, "guide_bias": shift}
        return -load_engine(engine).gradients(pair, objective, (data(),), 2_000, values=given)[1]

    elbo, without_kl, twice_more = values(0.0, 1.0), values(1.0, 1.0), values(1.0, 3.0)
    gap = ((means[:, None] - means[None]) ** 2).sum(-1)[~np.eye(ROWS, dtype=bool)]
    within = np.exp(-gap / 6).mean() + 1  # kernels of width 1 between Gaussians of variance 1
    squared_mmd = (within - 2 * np.exp(-(means**2).sum(1) / 6).mean()) / 3
    divergence = 0.5 * (means**2).sum()
    for drawn, exact in (
        (without_kl - elbo, divergence - ROWS * squared_mmd),
        (twice_more - without_kl, -2 * ROWS * squared_mmd),
    ):
        error = drawn.std() / np.sqrt(len(drawn))
        assert abs(drawn.mean() - exact) < norm.isf(3e-7) * error
        assert abs(exact) > 2 * norm.isf(3e-7) * error  # leaving it out would be seen


def test_what_does_not_fit_is_refused(engine):
    for message, settings in {
        "never negative": {"sqrt": True},
        "leave out num_samples": {"linear_time": True, "num_samples": 5},
        "kernel must be one of": {"kernel": "linear"},
        "bandwidths must be positive": {"bandwidths": (1.0, -1.0)},
        "bandwidths is empty": {"bandwidths": ()},
        "draw must be one of": {"draw": "gumbel"},
    }.items():
        with pytest.raises(ValueError, match=message):
            MMD(**settings)
    with pytest.raises(ValueError, match=r"alpha \+ scale"):
        InfoVAE(alpha=0.0, scale=0.5)
    assert parse_objective("mmd:bandwidths=(1, 2)").__dict__["bandwidths"] == (1, 2)

    def model(x: Any) -> None: ...

    hmm = create("mixture", engine=engine, data_dim=2, components=2)
    x = np.zeros((4, 2), dtype=np.float32)
    with pytest.raises(ObjectiveError, match="'z'"):
        fit(hmm, x, objective=MMD(), steps=1, progress=False)
