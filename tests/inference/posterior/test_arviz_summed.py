"""to_arviz of discrete latents that the guide leaves out, against sums over their states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from plated import VALUES, Words
from rows import ENGINES
from scipy.special import logsumexp
from scipy.stats import norm

from inference import to_arviz
from inference.errors import PairError

X = np.array([0.3, -1.0, 0.8, 2.2], dtype=np.float32)
DRAWS = 400
SHARES = np.array([0.2, 0.3, 0.5])


def pair(engine: str, *, beside: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """c ~ Categorical,  k ~ Bernoulli,  z ~ N(3 w k + c, 1) beside them or not,  x ~ N(., 0.5)."""
    words = Words(engine)

    def model(x: Any = None, *, size: int = 1) -> Any:
        w, p = words.params("wp")
        with words.plate("data", rows := size if x is None else len(x)):
            k = words.sample("k", words.bernoulli(p + words.array(np.zeros(rows))))
            c = words.sample("c", words.dist.Categorical(words.array(SHARES)))
            mean = 3 * w * k + c
            if beside:
                mean = words.sample("z", words.dist.Normal(mean, 1.0))
            words.sample("x", words.dist.Normal(mean, 0.5), obs=x)
        return mean

    def guide(x: Any) -> None:
        if beside:
            with words.plate("data", len(x)):
                words.sample("z", words.dist.Normal(0.8 * x, 0.6))

    return model, guide


def log_joint(z: Any) -> np.ndarray:
    """log p(k, c, z) over the states of k and c, (2, 3, *shape of z)."""
    chance = 1 / (1 + np.exp(-VALUES["p"]))
    prior = np.log(np.array([1 - chance, chance]))[:, None] + np.log(SHARES)
    means = 3 * VALUES["w"] * np.arange(2)[:, None] + np.arange(3)
    shape = (2, 3, *(1 for _ in np.shape(z)))
    return prior.reshape(shape) + norm.logpdf(z, means.reshape(shape), 1.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_guide_they_are_drawn_from_the_posterior(engine: str) -> None:
    found: Any = to_arviz(pair(engine, beside=False), X, num_draws=DRAWS)
    scale = norm.logpdf(0.0, 0.0, 0.5) - norm.logpdf(0.0)
    chance = 1 / (1 + np.exp(-VALUES["p"]))
    means = 3 * VALUES["w"] * np.arange(2)[:, None] + np.arange(3)
    log_p = np.log([1 - chance, chance])[:, None, None] + np.log(SHARES)[:, None]
    log_p = log_p - 2 * (X - means[..., None]) ** 2 + norm.logpdf(0.0) + scale  # (2, 3, N)
    evidence: Any = logsumexp(log_p, axis=(0, 1))
    np.testing.assert_allclose(
        found.sample_stats.log_weight.values, np.tile(evidence, (1, DRAWS, 1)), atol=1e-4
    )
    posterior = np.exp(log_p - evidence).sum(1)[1]  # of k = 1
    error = np.sqrt(posterior * (1 - posterior) / DRAWS)
    assert (abs(found.posterior.k.values[0].mean(0) - posterior) < 5 * error + 1e-3).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_beside_the_guides_draws_they_are_drawn_given_these(engine: str) -> None:
    found: Any = to_arviz(pair(engine, beside=True), X, num_draws=DRAWS)
    z, k, c = (found.posterior[name].values[0] for name in ("z", "k", "c"))
    assert found.posterior.k.dims == ("chain", "draw", "data")
    each = log_joint(z.astype(float))  # (2, 3, S, N)
    evidence: Any = logsumexp(each, axis=(0, 1))
    log_w = evidence + norm.logpdf(X, z, 0.5) - norm.logpdf(z, 0.8 * X, 0.6)
    np.testing.assert_allclose(found.sample_stats.log_weight.values[0], log_w, atol=1e-3)
    chances = np.exp(each - evidence)
    for states, drawn, summed in ((2, k, 1), (3, c, 0)):
        expected = chances.sum(summed)  # (states, S, N)
        for state in range(states):
            p = expected[state]
            apart = ((drawn == state) - p).sum() / np.sqrt((p * (1 - p)).sum())
            assert abs(apart) < 5  # ten of them: once in 10^5 runs


def test_a_latent_of_any_value_that_is_left_out_is_refused() -> None:
    words = Words("numpyro")

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(z, 1.0), obs=x)

    with pytest.raises(PairError, match="no site for the model's latent 'z'"):
        to_arviz((model, lambda x: None), X, engine="numpyro")
