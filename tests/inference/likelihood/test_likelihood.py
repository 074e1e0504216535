"""log_likelihood against exact evidence, and the memory that it takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import linear_gaussian as lg
import numpy as np
import pytest
from rows import ENGINES, ROWS

from inference import log_likelihood
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.pyro.parameters import rebuild
from inference.engines.pyro.program import PyroProgram
from inference.errors import ArgumentError, DataError, PairError, ZooError
from ppl_models import create

X = np.random.default_rng(5).normal(scale=1.5, size=(23, 4)).astype(np.float32)


def ppca(engine: str) -> Any:
    pair = create("ppca", engine=engine, data_dim=4, latent_dim=2)
    values = lg.single(lg.parameters(4, 2))
    if engine == "pyro":
        return rebuild(pair, values, (X,))
    return StoredPair(pair, values)


@pytest.mark.parametrize("engine", ENGINES)
def test_exact_is_the_evidence(engine: str) -> None:
    estimate = log_likelihood(ppca(engine), X, method="exact")
    exact = [lg.evidence(lg.parameters(4, 2), row[None]) for row in X]
    np.testing.assert_allclose(estimate.per_datum, exact, rtol=1e-5)
    np.testing.assert_allclose(estimate.mean, np.mean(exact), rtol=1e-5)
    np.testing.assert_allclose(
        estimate.standard_error, np.std(exact, ddof=1) / np.sqrt(23), rtol=1e-4
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_importance_weighting_approaches_the_evidence_from_below(engine: str) -> None:
    """20,000 particles: the error is a few thousandths of a nat per datum."""
    pair = ppca(engine)
    exact = log_likelihood(pair, X, method="exact")
    means = [log_likelihood(pair, X, k, seed=1).mean for k in (1, 10, 20_000)]
    assert means[0] + 0.05 < means[1] < exact.mean
    assert abs(means[2] - exact.mean) < 0.01
    every = log_likelihood(pair, X, 20_000, seed=1).per_datum
    # The guide is off the posterior, so the weights of the most unlikely datum have a long tail.
    np.testing.assert_allclose(every, exact.per_datum, atol=0.3)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_latents_every_number_of_particles_gives_the_likelihood(engine: str) -> None:
    """A hidden Markov model whose states are summed over has nothing to draw."""
    row = ROWS["hmm-summed"]
    pair, batch = create(row.model, engine=engine, **row.hyperparameters), row.batch(5)
    exact = log_likelihood(pair, batch, method="exact")
    for count in (1, 32):
        found = log_likelihood(pair, batch, num_particles=count)
        np.testing.assert_allclose(found.per_datum, exact.per_datum, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_chunks_give_estimates_of_the_same_quality(engine: str) -> None:
    """K = 5,000 in chunks of 100, against one chunk: both within 0.02 nat of the evidence."""
    pair = ppca(engine)
    exact = log_likelihood(pair, X, method="exact").mean
    for chunk_size in (100, 10**6):
        mean = log_likelihood(pair, X, 5000, chunk_size=chunk_size).mean
        assert abs(mean - exact) < 0.02


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("num_particles", [7, 64, 1000])
def test_no_more_than_a_chunk_is_decoded_at_once(
    engine: str, num_particles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    program: Any = {"pyro": PyroProgram, "numpyro": NumPyroProgram}[engine]
    sizes, draw = [], program.draw

    def spy(self: Any, count: int, **options: Any) -> Any:
        sizes.append(count * len(self.args[0]))
        return draw(self, count, **options)

    monkeypatch.setattr(program, "draw", spy)
    estimate = log_likelihood(ppca(engine), X, num_particles, chunk_size=50)
    assert max(sizes) <= 50
    assert estimate.per_datum.shape == (23,)
    assert np.isfinite(estimate.per_datum).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_seed_decides(engine: str) -> None:
    pair = ppca(engine)
    values = [log_likelihood(pair, X, 10, seed=s).per_datum for s in (0, 0, 1)]
    np.testing.assert_array_equal(values[0], values[1])
    assert (values[0] != values[2]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_no_closed_form_and_grey_values_are_refused(engine: str) -> None:
    row = ROWS["vae"]
    pair = create("vae", engine=engine, **row.hyperparameters)
    (x,) = row.batch(3)
    with pytest.raises(ArgumentError, match=r"log_evidence.*method='iw'"):
        log_likelihood(pair, x, method="exact")
    with pytest.raises(DataError, match="cross-entropy, not a log-likelihood"):
        log_likelihood(pair, np.full((3, 12), 0.5))
    with pytest.raises(
        ArgumentError, match="method must be one of iw, exact, ais, raise, got 'laplace'"
    ):
        log_likelihood(pair, x, method="laplace")  # pyright: ignore[reportArgumentType]


def test_one_datum_has_no_standard_error() -> None:
    assert np.isnan(log_likelihood(ppca("numpyro"), X[:1], 5).standard_error)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pair": 3}, "pair must be a pair"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 0.5}, "seed must be a whole number from 0"),
        ({"num_particles": 0}, "num_particles must be a whole number of at least 1"),
        ({"x": [[1.0, 2.0], [3.0]]}, "cannot be made an array"),
        ({"x": X[:, :2]}, r"shape \(N, 4\) for this pair, got \(23, 2\)"),
        ({"x": X[:0]}, "x is empty"),
        ({"x": np.where(X > 2, np.nan, X)}, "NaN or infinite, the first in row"),
    ],
)
def test_bad_input_is_one_sentence(engine: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ZooError, match=words) as caught:
        log_likelihood(**{"pair": ppca(engine), "x": X, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bare_pair_that_fails_is_named_with_its_shapes(engine: str) -> None:
    whole = ppca(engine)
    bare = SimpleNamespace(model=whole.model, guide=whole.guide, engine=engine)
    with pytest.raises(PairError, match=r"the pair fails on a batch of shape \(2, 3\)"):
        log_likelihood(bare, X[:, :3])
