"""The topic model against quadrature, Gibbs sampling and the topics that the data came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scipy.special import digamma, gammaln

from inference import ELBO, fit
from inference.engines import load_engine
from ppl_models import create
from ppl_models.classical import label_order, lda_gibbs
from ppl_models.datasets import bars, load

beta: Any = stats.beta  # scipy's types are not those of its laws
dirichlet: Any = stats.dirichlet
multinomial: Any = stats.multinomial

SMALL: dict[str, Any] = {"data_dim": 2, "topics": 2, "concentration": 1.3}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_is_the_integral(engine: str) -> None:
    """Two topics of two words, documents of several lengths: three integrals over the unit line.

    400 values, five standard errors: fails once in a million runs.
    """
    x = np.array([[3, 1], [0, 6]], dtype=np.float32)
    pair = create("lda", engine=engine, topic_concentration=0.9, **SMALL)
    found = np.exp(pair.get_weights()["log_concentrations"]).astype(np.float64)
    _, losses = load_engine(engine).gradients(pair, ELBO(20, analytic_kl=False), (x,), 400)
    nodes, masses = np.polynomial.legendre.leggauss(60)
    at, mass = (nodes + 1) / 2, masses / 2
    laws = [beta(*row) for row in found]
    first, second = np.meshgrid(at, at, indexing="ij")
    chance = np.outer(mass * laws[0].pdf(at), mass * laws[1].pdf(at))
    prior = beta(0.9, 0.9)
    want = sum(float((mass * q.pdf(at) * (prior.logpdf(at) - q.logpdf(at))).sum()) for q in laws)
    for row in x:
        q = beta(*_by_mean_field(row, found))
        want += float((mass * q.pdf(at) * (beta(1.3, 1.3).logpdf(at) - q.logpdf(at))).sum())
        for share, weight in zip(at, mass * q.pdf(at), strict=True):
            p = share * first + (1 - share) * second
            log_p = gammaln(row.sum() + 1) - gammaln(row + 1).sum()
            log_p = log_p + row[0] * np.log(p) + row[1] * np.log1p(-p)
            want += float(weight * (chance * log_p).sum())
    error = losses.std(ddof=1) / 20
    assert abs(-losses.mean() - want) < 5 * error + 1e-3
    assert error < 0.05


def _by_mean_field(row: np.ndarray, topics: np.ndarray, sweeps: int = 10) -> np.ndarray:
    """The local step as Blei et al. write it, word by word."""
    log_topics = digamma(topics) - digamma(topics.sum(1, keepdims=True))
    gamma = np.full(len(topics), 1.3 + row.sum() / len(topics))
    for _ in range(sweeps):
        fresh = np.full(len(topics), 1.3)
        for word, count in enumerate(row):
            share = np.exp(digamma(gamma) + log_topics[:, word])
            fresh += count * share / share.sum()
        gamma = fresh
    return gamma


@pytest.mark.parametrize("engine", ENGINES)
def test_documents_have_lengths_of_their_own(engine: str) -> None:
    """log p of each, with its own multinomial coefficient."""
    x = np.array([[3, 1, 0], [0, 6, 2], [0, 0, 0]], dtype=np.float32)
    pair = create("lda", engine=engine, data_dim=3, topics=2)
    topics = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=np.float32)
    mixture = np.array([[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]], dtype=np.float32)
    from scoring import log_densities

    log_p, _ = log_densities(pair, (x,), {"topics": topics, "mixture": mixture})
    for n, row in enumerate(x.astype(int)):
        p = (mixture[n] @ topics).astype(np.float64)
        want = multinomial(row.sum(), p / p.sum()).logpmf(row)
        want += dirichlet(np.ones(2)).logpdf(mixture[n] / mixture[n].sum())
        want += sum(dirichlet(np.full(3, 0.1)).logpdf(t / t.sum()) for t in topics.astype(float))
        np.testing.assert_allclose(log_p[n], want, rtol=1e-4)


def test_documents_that_are_drawn_have_so_many_words() -> None:
    for engine in ENGINES:
        pair = create("lda", engine=engine, data_dim=6, topics=3, words=40)
        mean, x = load_engine(engine).draw(pair, 5, 0)
        np.testing.assert_array_equal(x.sum(1), 40)
        np.testing.assert_allclose(np.asarray(mean).sum(1), 40, rtol=1e-5)


def test_topics_are_found_again_as_gibbs_sampling_finds_them() -> None:
    """Topics of one word pair each: total variation below 0.15 from the truth, for both."""
    true = np.kron(np.eye(3), [[0.5, 0.5]])
    random = np.random.default_rng(0)
    theta = random.dirichlet(np.full(3, 0.3), 60)
    x = np.stack([random.multinomial(30, p * (1 - 1e-12)) for p in theta @ true])
    pair = create("lda", engine="numpyro", data_dim=6, topics=3, concentration=0.3, sweeps=4)
    data = x.astype(np.float32)
    run = fit(pair, data, objective=ELBO(2), steps=400, learning_rate=0.05, progress=False)
    found = np.exp(run.pair.get_weights()["log_concentrations"])
    found /= found.sum(1, keepdims=True)
    chain = lda_gibbs(x, 3, concentration=0.3, sweeps=30, kept=15)
    for topics in (found, chain):
        apart = 0.5 * abs(topics[label_order(topics, true)] - true).sum(1)
        assert apart.max() < 0.15
    np.testing.assert_allclose(chain.sum(1), 1)


def test_the_corpus_has_the_topics_that_it_says() -> None:
    data = load("bars", words=50)
    assert data.train.shape == (1000, 25)
    np.testing.assert_array_equal(data.train.sum(1), 50)
    true = bars.topics()
    np.testing.assert_allclose(true.sum(1), 1)
    # Each word belongs to one row and one column: all are equally frequent.
    np.testing.assert_allclose(data.train.mean(0), 2, atol=0.25)
    # Words of one bar come together: the covariance of two of them is above that of others.
    covariance = np.cov(data.train.T)
    together = (true.T @ true > 0) & ~np.eye(25, dtype=bool)
    assert covariance[together].mean() > 0 > covariance[true.T @ true == 0].mean()


def test_what_is_no_document_is_refused() -> None:
    for engine in ENGINES:
        pair = create("lda", engine=engine, **SMALL)
        with pytest.raises(ValueError, match="x must hold counts of words"):
            pair.check_batch(np.array([[0.5, 1.0]]))
    with pytest.raises(ValueError, match="x must hold counts"):
        lda_gibbs([[0.5, 1.0]], 2)
    with pytest.raises(ValueError, match="kept must be at most sweeps"):
        lda_gibbs([[1, 1]], 2, sweeps=2, kept=3)
    with pytest.raises(ValueError, match="words must be a whole number"):
        load("bars", words=0)
