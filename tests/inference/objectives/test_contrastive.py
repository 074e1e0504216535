"""Contrastive divergence against the transition matrix of a machine of 8 x 5 units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import small_rbm as rbm
import torch
from rows import ENGINES

from inference import CD, ELBO, fit, load_run, valid_objectives
from inference.engines import load_engine
from inference.engines.numpyro import energies
from inference.errors import ObjectiveError
from ppl_models import create
from ppl_models.networks.energies import restricted_machine, restricted_machine_numpyro

VALUES = {name: value.astype(np.float32) for name, value in rbm.parameters(size=2.0).items()}
EXACT = {name: value.astype(np.float64) for name, value in VALUES.items()}
DATA = rbm.STATES[np.random.default_rng(3).integers(0, 256, 12)]
COPIES, REPEATS, LIMIT = 250, 40, 6.0  # z of 46 means by 40 repeats: t with 39 degrees, 1e-5 in all
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str, **more: Any) -> Any:
    return create("rbm", engine=engine, **{**rbm.SETTINGS, **more})


def gradients(engine: str, objective: Any, **owned: Any) -> dict[str, Any]:
    """Gradients of what is climbed, per datum, (repeats, ...)."""
    rows = np.repeat(DATA, COPIES, 0).astype(np.float32)
    found, _ = load_engine(engine).gradients(
        pair(engine), objective, (rows,), REPEATS, values={**VALUES, **owned}
    )
    return {name: -np.asarray(each) / len(rows) for name, each in found.items() if name in EXACT}


def far(found: dict[str, Any], expected: dict[str, Any]) -> float:
    """The largest distance of a mean from what is expected, in standard errors."""
    worst = 0.0
    for name, each in found.items():
        error = each.std(0, ddof=1) / np.sqrt(len(each)) + 1e-6
        worst = max(worst, float((abs(each.mean(0) - expected[name]) / error).max()))
    return worst


def test_the_reference_has_the_kernel_s_invariant_law() -> None:
    law, kernel = rbm.probabilities(EXACT), rbm.transition(EXACT)
    np.testing.assert_allclose(law @ kernel, law, atol=1e-14)
    np.testing.assert_allclose(kernel.sum(1), 1, atol=1e-12)
    bias = [rbm.apart(rbm.contrastive(EXACT, DATA, k), rbm.exact(EXACT, DATA)) for k in (1, 5, 25)]
    assert bias[0] > 2 * bias[1] > 4 * bias[2]


@each_engine
@pytest.mark.parametrize("steps", [1, 3])
def test_the_mean_gradient_is_that_of_the_transition_matrix(engine: str, steps: int) -> None:
    found = gradients(engine, CD(steps))
    assert far(found, rbm.contrastive(EXACT, DATA, steps)) < LIMIT
    assert far(found, rbm.exact(EXACT, DATA)) > LIMIT  # it is biased, and that is seen


@each_engine
def test_persistent_chains_in_equilibrium_give_the_likelihood_s_gradient(engine: str) -> None:
    """Chains that are draws of the model, moved by one step, are draws of the model."""
    random = np.random.default_rng(0)
    draws = random.choice(256, 3000, p=rbm.probabilities(EXACT))
    chains = rbm.STATES[draws]
    found = gradients(engine, CD(1, chains=len(chains)), **{"state.chain.x": chains})
    kernel = rbm.transition(EXACT)
    ends = rbm.mean_slopes(EXACT, rbm.rows_as_law(chains) @ kernel)
    data = rbm.mean_slopes(EXACT, rbm.rows_as_law(DATA))
    assert far(found, {name: data[name] - ends[name] for name in data}) < LIMIT
    near = {name: each.mean(0) for name, each in found.items()}
    assert rbm.apart(near, rbm.exact(EXACT, DATA)) < 0.1


def _chances(law: Any, value: Any, key: Any = None) -> Any:
    """Planted: the hidden units' probabilities in place of draws."""
    inputs = law.inputs(value)
    return jax.nn.sigmoid(inputs) if isinstance(inputs, jax.Array) else inputs.sigmoid()


@each_engine
def test_chances_in_place_of_draws_are_caught(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (restricted_machine, restricted_machine_numpyro):
        monkeypatch.setattr(module.RestrictedBoltzmann, "hidden_draw", _chances)
    assert far(gradients(engine, CD(1)), rbm.contrastive(EXACT, DATA, 1)) > 3 * LIMIT


def test_a_key_that_is_used_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def chain(law: Any, value: Any, steps: int, key: Any) -> Any:
        for _ in range(steps):
            value = law.transition(value, key)
        return value

    monkeypatch.setattr(energies, "chain", chain)
    assert far(gradients("numpyro", CD(3)), rbm.contrastive(EXACT, DATA, 3)) > 2 * LIMIT


@each_engine
def test_the_value_is_the_pseudo_likelihood(engine: str) -> None:
    """Of one random entry in training its mean is right; of all entries it is exact."""
    rows, law = DATA.astype(np.float32), rbm.probabilities(EXACT)
    codes = (DATA @ 2 ** np.arange(8)[::-1]).astype(int)
    expected = sum(
        np.log(law[codes] / (law[codes] + law[codes ^ (1 << bit)])).sum() for bit in range(8)
    )
    _, losses = load_engine(engine).gradients(pair(engine), CD(), (rows,), 300, values=VALUES)
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert abs(-losses.mean() - expected) < 5 * error < 0.1 * abs(expected)
    held = pair(engine)
    if engine == "pyro":
        held.load_state_dict({name: torch.tensor(value) for name, value in VALUES.items()})
    else:
        held.initial = VALUES
    run = fit(held, rows, objective=CD(), steps=1, valid=rows, learning_rate=1e-9, progress=False)
    assert run.rows[-1]["valid_bound"] == pytest.approx(expected / 12, rel=1e-4)
    assert run.unit == "nats of pseudo-likelihood per datum"


@each_engine
@pytest.mark.parametrize("chains", [0, 7])
def test_a_stopped_run_goes_on_bit_for_bit(engine: str, chains: int, tmp_path: Path) -> None:
    def train(steps: int, **more: Any) -> Any:
        rows = DATA.astype(np.float32)
        objective = CD(1, chains=chains)
        return fit(
            pair(engine),
            rows,
            objective=objective,
            steps=steps,
            batch_size=4,
            progress=False,
            **more,
        )

    whole = train(9)
    train(4, out=tmp_path / "run")
    resumed = train(9, out=tmp_path / "run", resume=True)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(resumed.parameters[name], value)
    assert set(load_run(tmp_path / "run").parameters) == set(whole.parameters)


@each_engine
def test_each_side_refuses_the_other_by_name(engine: str) -> None:
    rows = DATA.astype(np.float32)
    found = valid_objectives(pair(engine), rows)
    assert "CD" in found.valid
    for name in ("ELBO", "IWAE", "MMD", "Adversarial", "WakeSleep"):
        assert "'x'" in found.refused[name], name
    assert "log_partition(pair)" in found.refused["ELBO"]
    summed = valid_objectives(pair(engine, normaliser="exact"), rows)
    assert {"ELBO", "CD"} <= set(summed.valid)
    vae = create("vae", engine=engine, data_dim=8, latent_dim=2, hidden=(3,))
    with pytest.raises(ObjectiveError, match=r"every density of this model integrates to one"):
        fit(vae, rows, objective=CD(), steps=1)


@each_engine
def test_the_exact_constant_gives_maximum_likelihood(engine: str) -> None:
    rows = DATA.astype(np.float32)
    summed = pair(engine, normaliser="exact")
    found, losses = load_engine(engine).gradients(summed, ELBO(), (rows,), 1, values=VALUES)
    expected = rbm.exact(EXACT, DATA)
    for name, each in found.items():
        np.testing.assert_allclose(-each[0] / 12, expected[name], rtol=2e-3, atol=2e-5)
    log_p = np.log(rbm.probabilities(EXACT))
    codes = (DATA @ 2 ** np.arange(8)[::-1]).astype(int)
    assert -losses[0] == pytest.approx(log_p[codes].sum(), rel=1e-5)


def _forgetful(law: Any) -> Any:
    """Planted: log Z is left out."""
    return 0.0 * law.hidden.sum()


@each_engine
def test_a_constant_that_is_forgotten_is_caught(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (restricted_machine, restricted_machine_numpyro):
        monkeypatch.setattr(module.RestrictedBoltzmann, "log_partition", _forgetful)
    check: Callable[..., None] = test_the_exact_constant_gives_maximum_likelihood
    with pytest.raises(AssertionError):
        check(engine)
