"""Deep exponential families against densities by hand, their conjugate case and quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scipy.special import digamma, gammaln, logsumexp
from scoring import log_densities

from inference import ELBO, check_pair, fit, posterior_error
from inference.engines import load_engine
from ppl_models import create

gamma: Any = stats.gamma  # scipy's types are not those of its laws
lognorm: Any = stats.lognorm
poisson: Any = stats.poisson

RANDOM = np.random.default_rng(0)
X = RANDOM.poisson(2.0, (4, 3)).astype(np.float32)
PRIOR: dict[str, Any] = {"shape": 0.4, "weight_shape": 0.7, "weight_rate": 1.3}
ONE: dict[str, Any] = {"latent_dims": (1,), "guide": "gamma", "hidden": (), **PRIOR}


def of_gamma(value: Any, shape: Any, rate: Any) -> Any:
    return gamma(shape, scale=1 / np.asarray(rate)).logpdf(value)


@pytest.mark.parametrize("latent", ["gamma", "log-normal"])
@pytest.mark.parametrize("engine", ENGINES)
def test_densities_are_those_of_the_story(engine: str, latent: str) -> None:
    pair = create(
        "deep_exponential_family", engine=engine, data_dim=3, latent_dims=(2, 3), latent=latent,
        scale=0.8, guide="log-normal", hidden=(), **PRIOR,
    )  # fmt: skip
    sizes = {"weights1": (2, 3), "weights2": (3, 2), "z1": (4, 2), "z2": (4, 3)}
    drawn = {name: RANDOM.gamma(1.5, size=size) for name, size in sizes.items()}
    z = {name: value.astype(np.float32) for name, value in drawn.items()}
    log_p, log_q = log_densities(pair, (X,), z)
    below = z["z2"] @ z["weights2"]
    want = poisson(z["z1"] @ z["weights1"]).logpmf(X).sum(1)
    want += sum(of_gamma(z[name], 0.7, 1.3).sum() for name in ("weights1", "weights2"))
    if latent == "gamma":
        want += of_gamma(z["z2"], 0.4, 0.4).sum(1) + of_gamma(z["z1"], 0.4, 0.4 / below).sum(1)
    else:
        want += lognorm(0.8).logpdf(z["z2"]).sum(1) + lognorm(0.8, scale=below).logpdf(z["z1"]).sum(
            1
        )
    np.testing.assert_allclose(log_p, want, rtol=1e-4)
    found = {name: value.astype(np.float64) for name, value in pair.get_weights().items()}
    output = np.log1p(X) @ found["encoder.layers.0.weight"].T + found["encoder.layers.0.bias"]
    places = {"z1": (output[:, :2], output[:, 2:4]), "z2": (output[:, 4:7], output[:, 7:])}
    for number in (1, 2):
        places[f"weights{number}"] = found[f"levels{number}"], found[f"widths{number}"]
    laws = {
        n: lognorm(np.logaddexp(0, s), scale=np.exp(m)).logpdf(z[n]) for n, (m, s) in places.items()
    }
    want = sum(laws[name].sum(1) for name in ("z1", "z2"))
    want += sum(laws[name].sum() for name in ("weights1", "weights2"))
    np.testing.assert_allclose(log_q, want, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_unit_is_conjugate(engine: str) -> None:
    """Bayes' rule at any z: p(x, w, z) / p(z | x, w) is p(w) times a negative multinomial."""
    pair = create("deep_exponential_family", engine=engine, data_dim=3, **ONE)
    w = np.array([[0.5, 1.5, 2.0]], np.float32)
    a, total = PRIOR["shape"], X.sum(1)
    evidence = gammaln(a + total) - gammaln(a) + a * np.log(a) - gammaln(X + 1).sum(1)
    evidence += (X * np.log(w)).sum(1) - (a + total) * np.log(a + w.sum())
    for at in (0.1, 1.0, 3.0):
        z = np.full((4, 1), at, np.float32)
        log_p, _ = log_densities(pair, (X,), {"weights1": w, "z1": z})
        posterior = of_gamma(z[:, 0], a + total, a + w.sum())
        want = evidence + of_gamma(w, 0.7, 1.3).sum()
        np.testing.assert_allclose(log_p - posterior, want, rtol=1e-4)


def bound(weights: dict[str, np.ndarray]) -> float:
    """The ELBO of one unit under the guide of Gammas, all rows.

    It is in closed form but for E[log(z w + 1e-6)], which is a mean over a grid of quantiles.
    """
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    output = np.log1p(X) @ w["encoder.layers.0.weight"].T + w["encoder.layers.0.bias"]
    quantiles = (np.arange(200) + 0.5) / 200
    total, means, grids = 0.0, [], []
    for level, width, shape, rate in (
        (output[:, 0], output[:, 1], 0.4, 0.4),
        (w["levels1"][0], w["widths1"][0], 0.7, 1.3),
    ):
        a = 0.1 + np.logaddexp(0, width) ** -2.0
        b = a * np.exp(-level)
        means.append(a / b)
        grids.append(gamma(a[:, None], scale=1 / b[:, None]).ppf(quantiles))
        log = digamma(a) - np.log(b)
        entropy = a - np.log(b) + gammaln(a) + (1 - a) * digamma(a)
        prior = shape * np.log(rate) - gammaln(shape) + (shape - 1) * log - rate * means[-1]
        total += float((prior + entropy).sum())
    z, v = grids
    logs = np.log(z[:, None, :, None] * v[None, :, None, :] + 1e-6).mean((-2, -1))
    of_x = X * logs - np.multiply.outer(*means) - gammaln(X + 1)
    return total + float(of_x.sum())


@pytest.mark.parametrize("engine", ENGINES)
def test_bound_and_gradient_are_the_integrals_of_small_shapes_too(engine: str) -> None:
    """Widths whose shapes are 0.15; 300 values, five standard errors of 15 numbers: once in 10^5.

    Gradients are held against central differences.
    """
    pair = create("deep_exponential_family", engine=engine, data_dim=3, seed=1, **ONE)
    weights = pair.get_weights()
    weights["widths1"] = np.array([[4.4, 0.0, -1.0]], np.float32)
    weights["encoder.layers.0.bias"] = np.array([0.3, 4.4], np.float32)
    pair.set_weights(weights)
    objective = ELBO(20, analytic_kl=False)
    found, losses = load_engine(engine).gradients(pair, objective, (X,), 300)
    assert abs(-losses.mean() - bound(weights)) < 5 * losses.std() / 300**0.5
    assert losses.std() / 300**0.5 < 1  # nats of all rows, which the bound has -220 of
    for name, value in weights.items():
        other = name.removesuffix("weight") + "kernel" if engine == "numpyro" else name
        each = np.asarray(found.get(name, found.get(other)))
        each = each.swapaxes(-1, -2) if name not in found else each
        for place in np.ndindex(value.shape):
            ends = []
            for step in (1e-3, -1e-3):
                moved = {n: v.astype(np.float64) for n, v in weights.items()}
                moved[name][place] += step
                ends.append(bound(moved))
            samples = each[(slice(None), *place)]
            want = -(ends[0] - ends[1]) / 2e-3
            error = samples.std() / 300**0.5
            assert abs(samples.mean() - want) < 5 * error + 2e-3 * abs(want), (name, place)


def exact_draws(x: np.ndarray, count: int) -> tuple[dict[str, np.ndarray], float]:
    """Posterior draws of one unit and one column by quadrature over w, and log p(x)."""
    at = np.linspace(1e-4, 12, 20_000)[:, None]
    a, rows = 2.0, x[:, 0]
    log_p = gammaln(a + rows) - gammaln(a) + a * np.log(a) - gammaln(rows + 1)
    log_p = log_p + rows * np.log(at) - (a + rows) * np.log(a + at)
    joint = log_p.sum(1) + of_gamma(at[:, 0], 3.0, 1.0)
    evidence = float(logsumexp(joint) + np.log(at[1, 0] - at[0, 0]))
    random = np.random.default_rng(1)
    w = random.choice(at[:, 0], count, p=np.exp(joint - logsumexp(joint)))
    z = random.gamma(a + rows, 1 / (a + w[:, None]))
    return {"weights1": w[:, None, None], "z1": z[..., None]}, evidence


@pytest.mark.parametrize(
    ("engine", "guide"), [("pyro", "gamma"), ("pyro", "log-normal"), ("numpyro", "log-normal")]
)
def test_svi_ends_near_the_posterior(engine: str, guide: str) -> None:
    """Means within half a standard deviation; mean field cannot have the widths."""
    x = np.array([[1], [4], [0], [9], [3], [6]], np.float32)
    pair = create(
        "deep_exponential_family", engine=engine, data_dim=1, latent_dims=(1,), guide=guide,
        shape=2.0, weight_shape=3.0, weight_rate=1.0, hidden=(8,),
    )  # fmt: skip
    run = fit(pair, x, objective=ELBO(10), steps=300, learning_rate=0.04, progress=False)
    draws, evidence = exact_draws(x, 4000)
    _, losses = load_engine(engine).gradients(run.pair, ELBO(50), (x,), 10)
    assert -2 < -losses.mean() - evidence < 0.05
    sites: Any = posterior_error(run, draws, x).sites
    assert (abs(sites["mean_error"]) < 0.5).all()
    assert (sites["log_sd_ratio"] < 0.7).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_found_wrong_with_it(engine: str) -> None:
    pair = create("deep_exponential_family", engine=engine, data_dim=3, latent_dims=(2, 2))
    assert not [found for found in check_pair(pair, X).findings if found.level == "error"]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_refused(engine: str) -> None:
    pair = create("deep_exponential_family", engine=engine)
    with pytest.raises(ValueError, match="x must hold counts of events"):
        pair.check_batch(np.array([[0.5]]))
    for wrong, message in (
        ({"latent_dims": ()}, "latent_dims must name at least one layer"),
        ({"latent": "normal"}, "latent must be one of gamma, log-normal"),
        ({"guide": "normal"}, "guide must be one of log-normal, gamma"),
        ({"shape": 0.0}, "shape must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            create("deep_exponential_family", engine=engine, **wrong)
