"""Constants of densities by three methods, and the likelihoods that they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_rbm as rbm
import torch
from rows import ENGINES

from inference import log_likelihood, log_partition
from inference.errors import ArgumentError, ObjectiveError
from ppl_models import create
from ppl_models.networks.energies import restricted_machine, restricted_machine_numpyro

VALUES = {name: value.astype(np.float32) for name, value in rbm.parameters(seed=1).items()}
EXACT = {name: value.astype(np.float64) for name, value in VALUES.items()}
TRUTH, CHAINS, TEMPERATURES = rbm.log_partition(EXACT), 400, 100
LAW = rbm.probabilities(EXACT)
X = rbm.STATES[np.random.default_rng(0).choice(256, 40, p=LAW)].astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str, **more: Any) -> Any:
    made: Any = create("rbm", engine=engine, **{**rbm.SETTINGS, **more})
    if engine == "pyro":
        made.load_state_dict({name: torch.tensor(value) for name, value in VALUES.items()})
    else:
        made.initial = VALUES
    return made


def log_p(rows: Any) -> Any:
    codes = (rows @ 2 ** np.arange(rbm.VISIBLE)[::-1]).astype(int)
    return np.log(LAW)[codes]


@each_engine
def test_the_three_methods_agree_on_the_constant(engine: str) -> None:
    """The annealed ones within 5 standard errors, and three of them are less than 0.1 nats."""
    settings: dict[str, Any] = {"num_chains": CHAINS, "num_temperatures": TEMPERATURES}
    assert log_partition(pair(engine), "exact").log_z == pytest.approx(TRUTH, rel=1e-5)
    ways: Any = (("ais", "data"), ("reverse", "uniform"), ("ais", np.full(8, 0.3)))
    for method, base in ways:
        found = log_partition(pair(engine), method, base=base, **settings)
        error = (found.upper - found.lower) / 6
        assert abs(found.log_z - TRUTH) < 5 * error < 0.1
        assert found.chains.shape == (CHAINS,)
        assert 20 < found.effective_sample_size <= CHAINS
        assert f"T={TEMPERATURES}" in str(found)


@each_engine
def test_the_likelihood_lies_between_its_estimates(engine: str) -> None:
    exact = log_likelihood(pair(engine), X, method="exact")
    np.testing.assert_allclose(exact.per_datum, log_p(X), rtol=1e-4, atol=1e-4)
    above = log_likelihood(pair(engine), X, method="ais", num_temperatures=TEMPERATURES)
    below = log_likelihood(
        pair(engine), X, method="raise", num_chains=20, num_temperatures=TEMPERATURES
    )
    assert abs(above.mean - exact.mean) < 0.15
    assert exact.mean - 0.15 < below.mean < exact.mean + 0.02
    assert "raise, C=20" in str(below)


@each_engine
def test_more_temperatures_close_in_on_the_truth(engine: str) -> None:
    """log weights are about normal, of a variance that falls as 1 / T: so is twice the bias.

    RAISE of one chain is too small by that bias: of 400 data within 5 of its standard errors.
    """
    rows, spreads = np.tile(X, (10, 1)), []
    for temperatures in (10, 1000):
        settings: dict[str, Any] = {"num_temperatures": temperatures}
        spreads.append(log_partition(pair(engine), num_chains=CHAINS, **settings).chains.std())
        below = log_likelihood(pair(engine), rows, method="raise", num_chains=1, **settings)
        bias, error = spreads[-1] ** 2 / 2, spreads[-1] / np.sqrt(len(rows))
        assert abs(below.mean + bias - log_p(rows).mean()) < 5 * error, temperatures
        if temperatures == 10:
            assert below.mean < log_p(rows).mean() - 1.5 * error
    assert 0.05 < spreads[1] / spreads[0] < 0.2  # sqrt(1 / 100)


@each_engine
def test_a_summed_constant_is_not_counted_twice(engine: str) -> None:
    summed = pair(engine, normaliser="exact")
    found = log_likelihood(summed, X, method="ais", num_temperatures=TEMPERATURES)
    assert found.mean == pytest.approx(log_p(X).mean(), abs=0.15)
    assert log_likelihood(summed, X).mean == pytest.approx(log_p(X).mean(), abs=1e-3)


@each_engine
def test_a_base_without_its_constant_is_caught(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: log Z of the base is forgotten."""
    for module in (restricted_machine, restricted_machine_numpyro):
        of = module.RestrictedBoltzmann.log_partition

        def forgotten(law: Any, of: Any = of) -> Any:
            still = isinstance(law.coupling, float) and law.coupling == 0
            return 0.0 * law.hidden.sum() if still else of(law)

        monkeypatch.setattr(module.RestrictedBoltzmann, "log_partition", forgotten)
    found = log_partition(pair(engine), num_chains=50, num_temperatures=50)
    assert abs(found.log_z - TRUTH) > 1


@each_engine
def test_refusals_name_what_would_do(engine: str) -> None:
    vae = create("vae", engine=engine, data_dim=8, latent_dim=2, hidden=(3,))
    with pytest.raises(ObjectiveError, match=r"this one has none.*log_likelihood\(pair, x\)"):
        log_partition(vae)
    with pytest.raises(ArgumentError, match="up to 20 can be summed"):
        log_partition(create("rbm", engine=engine, data_dim=30, hidden_dim=21), "exact")
    with pytest.raises(ArgumentError, match="method must be one of exact, ais, reverse"):
        log_partition(pair(engine), "raise")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="base must be one of data, uniform"):
        log_partition(pair(engine), base="prior")
    with pytest.raises(ObjectiveError, match=r"'x' says normalised = False.*method='ais'"):
        log_likelihood(pair(engine), X)
    for base, words in (
        (np.full(3, 0.5), r"shape \(8,\), a mean for each visible unit, got shape \(3,\)"),
        (np.full(8, -1.0), r"in \[0, 1\], got values from -1 to -1"),
        (np.full(8, np.nan), "NaN or infinite"),
    ):
        with pytest.raises(ArgumentError, match=words):
            log_partition(pair(engine), base=base, num_chains=2, num_temperatures=2)
        with pytest.raises(ArgumentError, match=words):
            log_likelihood(pair(engine), X[:2], method="raise", base=base, num_temperatures=2)


def test_one_chain_says_nothing_of_its_error() -> None:
    found = log_partition(pair("pyro"), num_chains=1, num_temperatures=5)
    assert np.isfinite(found.log_z)
    assert np.isnan([found.lower, found.upper]).all()
