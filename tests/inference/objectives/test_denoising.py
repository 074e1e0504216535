"""Walks of denoising against matrices over all states of a table, on both engines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as numpyro_dist
import pyro
import pyro.distributions as pyro_dist
import pytest
import torch
from jax import random
from numpy.typing import NDArray
from rows import ENGINES
from scipy.special import log_softmax, softmax

from inference import Denoising, fit, valid_objectives
from inference.engines import load_engine
from inference.errors import ArgumentError
from ppl_models import create
from ppl_models.networks.chains.counting_measure import CountingMeasure
from ppl_models.networks.chains.counting_measure_numpyro import CountingMeasure as NumPyroMeasure

each_engine = pytest.mark.parametrize("engine", ENGINES)
SIZE = 4
LAW = np.array([0.4, 0.3, 0.2, 0.1])
"""Of the data, over four states."""
CORRUPTION = np.array(
    [[0.6, 0.2, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.2, 0.1, 0.5, 0.2], [0.1, 0.1, 0.2, 0.6]]
)
POSTERIOR = (LAW[:, None] * CORRUPTION / (LAW @ CORRUPTION)).T
"""p(x | c), a row for each c."""


def table_pair(engine: str, corruption: NDArray[Any] = CORRUPTION, start: Any = None) -> Any:
    """x given c by a table of logits, c given x by another that is fixed."""
    start = np.zeros((SIZE, SIZE)) if start is None else start
    if engine == "pyro":
        rows = torch.tensor(corruption, dtype=torch.float32)

        def table() -> Any:
            return pyro.param("table", torch.tensor(start, dtype=torch.float32))

        def pyro_draws(shape: tuple[int, ...]) -> Any:
            return pyro_dist.Categorical(torch.full((SIZE,), 1 / SIZE)).sample(shape)

        def model(x: Any = None, *, size: int = 1) -> Any:
            logits = table()
            with pyro.plate("data", size if x is None else len(x)):
                c = pyro.sample("c", CountingMeasure((), pyro_draws, binary=False))
                return pyro.sample("x", pyro_dist.Categorical(logits=logits[c.long()]), obs=x)

        def guide(x: Any) -> None:
            with pyro.plate("data", len(x)):
                pyro.sample("c", pyro_dist.Categorical(rows[x.long()]))

        return SimpleNamespace(engine=engine, model=model, guide=guide)
    fixed = jnp.asarray(corruption, jnp.float32)

    def draws(key: Any, shape: tuple[int, ...]) -> Any:
        return random.randint(key, shape, 0, SIZE)

    def numpyro_model(x: Any = None, *, size: int = 1) -> Any:
        logits = jnp.asarray(numpyro.param("table", jnp.asarray(start, jnp.float32)))
        with numpyro.plate("data", size if x is None else len(x)):
            c: Any = numpyro.sample("c", NumPyroMeasure((), draws, binary=False))
            law = numpyro_dist.CategoricalLogits(logits[c.astype(int)])
            return numpyro.sample("x", law, obs=x)

    def numpyro_guide(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            numpyro.sample("c", numpyro_dist.CategoricalProbs(fixed[x.astype(int)]))

    return SimpleNamespace(engine=engine, model=numpyro_model, guide=numpyro_guide)


def expected(
    logits: NDArray[Any], law: NDArray[Any], walkback: int, corruption: NDArray[Any] = CORRUPTION
) -> tuple[float, NDArray[Any]]:
    """The value and the gradient by the table, of one datum."""
    chances = softmax(logits, axis=1)
    met = law[:, None] * corruption  # (x, c_0)
    value = (met * log_softmax(logits, axis=1).T).sum()
    total = np.zeros_like(met)
    for _ in range(walkback + 1):
        total += met / (walkback + 1)
        met = met @ chances @ corruption
    return float(value), total.T - total.sum(0)[:, None] * chances


def data(count: int) -> NDArray[np.int64]:
    """Rows whose frequencies are the law's."""
    return np.repeat(np.arange(SIZE), (LAW * count).round().astype(int))


@each_engine
@pytest.mark.parametrize("walkback", [0, 1, 3])
def test_the_mean_gradient_is_that_of_the_matrices(engine: str, walkback: int) -> None:
    """20 times 1,000 rows; value and 16 entries at 5 standard errors, false failures 1e-5.

    Planted: the corruption of another chain, and a walk that is not taken.
    """
    logits = np.random.default_rng(0).normal(size=(SIZE, SIZE))
    pair, x = table_pair(engine), data(1000)
    found, losses = load_engine(engine).gradients(
        pair, Denoising(walkback), (x,), 20, values={"table": logits.astype(np.float32)}
    )
    slopes = -np.asarray(found["table"], np.float64) / len(x)
    error = slopes.std(0, ddof=1) / np.sqrt(20) + 1e-4
    value, slope = expected(logits, LAW, walkback)
    assert (abs(slopes.mean(0) - slope) < 6 * error).all()
    mean = -losses.mean() / len(x)
    assert abs(mean - value) < 6 * losses.std(ddof=1) / len(x) / np.sqrt(20) + 1e-4
    others = [expected(logits, LAW, walkback, CORRUPTION.T)[1]]
    others += [expected(logits, LAW, 0)[1]] if walkback else []
    for other in others:
        assert (abs(slopes.mean(0) - other) > 6 * error).any()


def test_the_optimum_has_the_law_of_the_data() -> None:
    """The exact posterior is where the gradient is zero, and its chain keeps the law to 1e-12."""
    _, slope = expected(np.log(POSTERIOR), LAW, 0)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    np.testing.assert_allclose(LAW @ CORRUPTION @ POSTERIOR, LAW, atol=1e-12)


@each_engine
def test_the_posterior_is_learnt(engine: str) -> None:
    """From zero to a chain whose stationary law is within .02 of the data's."""
    run = fit(
        table_pair(engine),
        data(1000),
        objective=Denoising(0),
        steps=150,
        batch_size=1000,
        learning_rate=0.1,
        seed=0,
    )
    assert abs(stationary(run.parameters["table"]) - LAW).max() < 0.02
    assert run.objective.unit == "nats of reconstruction per datum"


def stationary(logits: Any, corruption: NDArray[Any] = CORRUPTION) -> NDArray[Any]:
    chain = corruption @ softmax(np.asarray(logits, np.float64), axis=1)
    return np.linalg.matrix_power(chain, 4096)[0]


def test_walks_back_from_a_mode_that_data_do_not_have() -> None:
    """State 3 holds what comes there, and data, of states 0 and 1, hardly visit its copies.

    After equal steps its mass in the chain is less than half with walks of what it is without.
    """
    corruption = np.array(
        [
            [0.8, 0.18, 0.01, 0.01],
            [0.18, 0.8, 0.01, 0.01],
            [0.1, 0.1, 0.8, 0.0],
            [0.02, 0.02, 0, 0.96],
        ]
    )
    start = np.zeros((SIZE, SIZE))
    start[3, 3] = 5.0
    x = np.repeat([0, 1], 200)
    masses = {}
    for walkback in (0, 4):
        run = fit(
            table_pair("numpyro", corruption, start),
            x,
            objective=Denoising(walkback),
            steps=40,
            batch_size=400,
            learning_rate=2.0,
            optimizer="sgd",
            seed=0,
        )
        masses[walkback] = stationary(run.parameters["table"], corruption)[3]
    assert stationary(start, corruption)[3] > 0.5
    assert masses[4] < 0.5 * masses[0], masses


def test_refusals_say_what_a_chain_needs() -> None:
    x = np.zeros((4, 8), np.float32)
    vae = create("vae", engine="numpyro", data_dim=8, latent_dim=2, hidden=(3,))
    refused = valid_objectives(vae, x).refused["Denoising"]
    assert "latent 'z' has a density" in refused
    rbm = create("rbm", engine="numpyro", data_dim=8, hidden_dim=2)
    assert "there is no latent" in valid_objectives(rbm, x).refused["Denoising"]
    dae = create("denoising_autoencoder", engine="numpyro", data_dim=8, hidden=(3,))
    found = valid_objectives(dae, x)
    assert set(found.valid) == {"Denoising"}
    assert "'c' says normalised = False" in found.refused["ELBO"]
    with pytest.raises(ArgumentError, match="walkback must be a whole number"):
        Denoising(-1)
