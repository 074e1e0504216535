"""Positive latents of a VAE: their densities by hand, and their divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scoring import log_densities

from inference import ELBO
from inference.engines import load_engine
from ppl_models import create

expon: Any = stats.expon  # scipy's types are not those of its laws
lognorm: Any = stats.lognorm

SMALL: dict[str, Any] = {"data_dim": 5, "latent_dim": 2, "hidden": (), "seed": 3}
RANDOM = np.random.default_rng(0)
X = (RANDOM.random((4, 5)) < 0.5).astype(np.float32)
Z = RANDOM.exponential(size=(4, 2)).astype(np.float32)


def parts(pair: Any) -> tuple[np.ndarray, np.ndarray]:
    """The encoder's output at X, and log p(X | Z)."""
    found = {n: v.astype(np.float64) for n, v in pair.get_weights().items()}
    encoder, decoder = (
        [next(v for n, v in found.items() if n.startswith(k) and n.endswith(e)) for e in ends]
        for k, ends in (("encoder", ("weight", "bias")), ("decoder", ("weight", "bias")))
    )
    logits = Z @ decoder[0].T + decoder[1]
    return X @ encoder[0].T + encoder[1], (X * logits - np.logaddexp(0, logits)).sum(1)


@pytest.mark.parametrize("engine", ENGINES)
def test_log_normal(engine: str) -> None:
    pair = create("vae", engine=engine, latent="log-normal", **SMALL)
    output, of_x = parts(pair)
    log_p, log_q = log_densities(pair, (X,), {"z": Z})
    np.testing.assert_allclose(log_p, of_x + lognorm(1.0).logpdf(Z).sum(1), rtol=1e-4)
    mean, scale = output[:, :2], np.exp(output[:, 2:])
    want = lognorm(scale, scale=np.exp(mean)).logpdf(Z).sum(1)
    np.testing.assert_allclose(log_q, want, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_exponential(engine: str) -> None:
    pair = create("vae", engine=engine, latent="exponential", **SMALL)
    rates, of_x = parts(pair)
    log_p, log_q = log_densities(pair, (X,), {"z": Z})
    np.testing.assert_allclose(log_p, of_x + expon().logpdf(Z).sum(1), rtol=1e-4)
    want = expon(scale=np.exp(-rates)).logpdf(Z).sum(1)
    np.testing.assert_allclose(log_q, want, rtol=1e-4)


@pytest.mark.parametrize("latent", ["log-normal", "exponential"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_with_and_without_a_closed_form_is_one(engine: str, latent: str) -> None:
    """Five standard errors of 200 values each: fails once in a million runs."""
    pair = create("vae", engine=engine, latent=latent, **SMALL)
    found = []
    for closed in ("auto", False):
        objective = ELBO(20, analytic_kl=closed)
        _, losses = load_engine(engine).gradients(pair, objective, (X,), 200)
        found.append((losses.mean(), losses.std() / 200**0.5))
    assert abs(found[0][0] - found[1][0]) < 5 * (found[0][1] + found[1][1])


@pytest.mark.parametrize("engine", ENGINES)
def test_flows_are_of_gaussians(engine: str) -> None:
    with pytest.raises(ValueError, match="which latent='exponential' does not have"):
        create("vae", engine=engine, latent="exponential", flow="iaf")
