"""Gradients of ELBO and IWAE on a model of the zoo against its closed form, on both engines.

(Those of every objective on every kind of latent: tests/inference/estimators/certificate.)

Every case takes 16,000 draws of z or more in all: `REPEATS` gradients, each of a batch in which
small data stand `COPIES` times over. The failure rate of all cases together is below 1e-5: each
parameter's mean gradient is compared with the exact one by a t statistic of REPEATS - 1 degrees of
freedom, at the level 1e-5 / (2 * parameters * cases).
"""

from __future__ import annotations

from typing import Any

import linear_gaussian as lg
import numpy as np
import pytest
from numpy.typing import NDArray
from rows import ENGINES
from scipy.stats import t as student
from scoring import gradients

from inference.objectives import ELBO, IWAE, Objective
from inference.program.structure import Structure
from ppl_models import create

REPEATS, COPIES = 200, 100
CASES = 28


def data(rows: int, columns: int) -> NDArray[np.float64]:
    x = np.random.default_rng(5).normal(scale=1.5, size=(rows, columns))
    return x.astype(np.float32).astype(np.float64)


def largest_z(grads: lg.Arrays, exact: lg.Arrays, copies: int) -> tuple[float, float]:
    """Largest |t| over all parameters of -gradient / copies against the exact one; its limit."""
    statistics = []
    for name, slope in exact.items():
        draws = -grads[name] / copies
        error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
        # float32 sums are good to about 1e-5 of the largest gradient, whatever the spread.
        error = np.sqrt(error**2 + (1e-5 * np.abs(slope).max()) ** 2)
        statistics.append(np.abs(draws.mean(axis=0) - slope) / error)
    flat = np.concatenate([np.ravel(s) for s in statistics])
    limit = student.isf(1e-5 / (2 * len(flat) * CASES), REPEATS - 1)
    return float(flat.max()), float(limit)


def ppca(engine: str, data_dim: int, latent_dim: int, values: lg.Arrays) -> Any:
    pair = create("ppca", engine=engine, data_dim=data_dim, latent_dim=latent_dim)
    return pair, lg.single(values)


@pytest.mark.parametrize("rows", [1, 20, 100])
@pytest.mark.parametrize("objective", [ELBO(), ELBO(num_particles=3), IWAE(1)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_elbo_gradient_is_exact(engine: str, objective: Objective, rows: int) -> None:
    values, x = lg.parameters(4, 2), data(rows, 4)
    pair, single = ppca(engine, 4, 2, values)
    copies = max(1, COPIES // rows)
    tiled = np.tile(x, (copies, 1)).astype(np.float32)
    grads, _ = gradients(pair, objective, (tiled,), REPEATS, values=single)
    largest, limit = largest_z(grads, lg.gradient(lg.elbo, values, x), copies)
    assert largest < limit


@pytest.mark.parametrize("rows", [1, 20, 100])
@pytest.mark.parametrize("engine", ENGINES)
def test_iwae_gradient_is_exact(engine: str, rows: int) -> None:
    values, x = lg.parameters(3, 1), data(rows, 3)
    pair, single = ppca(engine, 3, 1, values)
    copies = max(1, COPIES // rows)
    tiled = np.tile(x, (copies, 1)).astype(np.float32)
    grads, _ = gradients(pair, IWAE(num_particles=2), (tiled,), REPEATS, values=single)
    exact = lg.gradient(lambda v, x: lg.iwae(v, x, num_particles=2), values, x)
    largest, limit = largest_z(grads, exact, copies)
    assert largest < limit


@pytest.mark.parametrize("objective", [ELBO(), IWAE(2)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_subsampled_plate_is_unbiased_for_the_whole(engine: str, objective: Objective) -> None:
    largest, limit = subsampled_z(engine, objective)
    assert largest < limit


@pytest.mark.parametrize("engine", ENGINES)
def test_the_scale_inside_the_logarithm_is_caught(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: upstream's RenyiELBO puts the plate's scale on each site before the logsumexp."""
    monkeypatch.setattr(Structure, "scale", 1.0)
    monkeypatch.setattr(Structure, "unscaled", frozenset())
    largest, limit = subsampled_z(engine, IWAE(2))
    assert largest > limit


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_normalised_over_the_minibatch_are_caught(engine: str) -> None:
    """Planted: one weight per particle for the whole minibatch, as in ReweightedWakeSleep."""

    class JointIWAE(IWAE):
        def surrogate(self, program: Any) -> Any:
            log_w = program.draw(self.num_particles).log_w.sum(1)[:, None]
            return program.total(program.logmeanexp(log_w))

    values, x = lg.parameters(3, 1), data(20, 3)
    pair, single = ppca(engine, 3, 1, values)
    grads, _ = gradients(pair, JointIWAE(2), (x.astype(np.float32),), REPEATS, values=single)
    exact = lg.gradient(lambda v, x: lg.iwae(v, x, num_particles=2), values, x)
    largest, limit = largest_z(grads, exact, 1)
    assert largest > limit


@pytest.mark.parametrize("engine", ENGINES)
def test_exact_guide_gives_the_gradient_of_the_evidence_without_noise(engine: str) -> None:
    values, x = lg.parameters(4, 2), data(20, 4)
    own = {name: values[name] for name in ("weight", "mean", "log_noise")}
    pair = create("ppca", engine=engine, data_dim=4, latent_dim=2, guide="exact")
    exact = lg.gradient(lg.evidence, own, x)
    for objective in (ELBO(), IWAE(num_particles=3)):
        grads, losses = gradients(
            pair, objective, (x.astype(np.float32),), 5, values=lg.single(own)
        )
        np.testing.assert_allclose(-losses, lg.evidence(values, x), rtol=1e-5)
        for name, slope in exact.items():
            size = np.abs(slope).max()
            assert np.abs(-grads[name] - slope).max() / size < 2e-4, name


def subsampled_z(engine: str, objective: Objective) -> tuple[float, float]:
    values, x = lg.parameters(3, 1), data(12, 3)
    pair = lg.subsampled(engine, values, x, rows=4)
    repeats = REPEATS * (60 if engine == "numpyro" else 20)
    single = lg.single(values)
    grads, _ = gradients(pair, objective, (), repeats, values=single)
    grads = {name: g.reshape(REPEATS, -1, *g.shape[1:]).mean(1) for name, g in grads.items()}
    exact = lg.gradient(
        lg.elbo if isinstance(objective, ELBO) else lambda v, x: lg.iwae(v, x, num_particles=2),
        values,
        x,
    )
    return largest_z(grads, exact, 1)
