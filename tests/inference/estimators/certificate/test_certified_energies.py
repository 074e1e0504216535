"""Objectives of densities up to a constant against sums over all states, on both engines.

200 gradients of 60 rows each; the false-failure rate of all comparisons together is below 1e-5.
Mistakes are planted in the law, where a chain or a constant goes wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyro
import pytest
from rows import ENGINES

from inference.estimators.certificate import certify
from inference.estimators.certificate.certify import (
    UNSTATED,
    Setting,
    energy_settings,
    limit,
    measure,
)
from inference.estimators.certificate.programs.deep import Deep
from inference.estimators.certificate.programs.energies import ENERGIES
from inference.estimators.certificate.programs.energy import (
    Copies,
    Energy,
    kernel,
    law_of,
    log_factor,
    states,
)
from inference.estimators.certificate.programs.machine import machine, middle

DRAWS = 60 * 200
COMPARISONS = 1000  # rounded up
TAKEN = {
    "energy": {"CD", "Pseudo", "NCE"},
    "summed": {"CD", "Pseudo", "NCE", "ELBO"},
    "deep": {"CD", "UpDown", "MultiPrediction"},
    "copies": {"Denoising"},
}
GRID = [s for s in energy_settings() if any(s.label.startswith(word) for word in TAKEN[s.case])]


@pytest.fixture(autouse=True)
def _empty_param_store() -> Iterator[None]:
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


def name(setting: Setting) -> str:
    return f"{setting.engine}-{setting.case}-{setting.label}"


@pytest.mark.parametrize("setting", GRID, ids=name)
def test_mean_gradient_is_the_exact_one(setting: Setting) -> None:
    outcome = measure(setting, DRAWS)
    assert outcome.refusal == ""
    assert outcome.z.size
    assert outcome.largest < limit(COMPARISONS)


def test_the_grid_is_whole() -> None:
    assert len(GRID) == 2 * (6 + 7 + 6 + 2)
    others = [
        s for s in energy_settings(engines=["numpyro"]) if s not in GRID and s.case != "summed"
    ]
    for setting in others:
        assert measure(setting, 200).refusal not in ("", UNSTATED)


def test_the_matrix_keeps_the_law() -> None:
    """pi T = pi to 1e-12, and CD with many steps is maximum likelihood."""
    program = ENERGIES["energy"]
    every = states(4)
    weights = np.exp(log_factor(program.values, every))
    pi = weights / weights.sum()
    np.testing.assert_allclose(pi @ kernel(program.values), pi, atol=1e-12)
    assert law_of(every).tolist() == [1.0] * 16


def probability_in_the_chain(engine: str) -> Any:
    """Its step gives the chances of the units in place of a draw."""

    class Planted(machine(engine)):
        def transition(self, value: Any, key: Any) -> Any:
            if engine == "pyro":
                h = (self.hidden + value @ self.weight).sigmoid()
                return (self.visible + h @ self.weight.T).sigmoid()
            import jax

            h = jax.nn.sigmoid(self.hidden + value @ self.weight)
            return jax.nn.sigmoid(self.visible + h @ self.weight.T)

    return Planted


def key_used_twice(engine: str) -> Any:
    """Its step draws both sides with the same noise."""

    class Planted(machine(engine)):
        def transition(self, value: Any, key: Any) -> Any:
            if engine == "pyro":
                import torch

                noise = torch.rand(value.shape)
                h = (noise[..., :3] < (self.hidden + value @ self.weight).sigmoid()).float()
                return (noise < (self.visible + h @ self.weight.T).sigmoid()).float()
            import jax

            noise = jax.random.uniform(key, value.shape)
            h = noise[..., :3] < jax.nn.sigmoid(self.hidden + value @ self.weight)
            on = jax.nn.sigmoid(self.visible + h @ self.weight.T)
            return (noise < on).astype(value.dtype)

    return Planted


def constant_forgotten(engine: str) -> Any:
    """It says that it integrates to one, and is not less its constant."""

    class Planted(machine(engine)):
        def log_prob(self, value: Any, intermediates: Any = None) -> Any:
            del intermediates
            return super().log_prob(value) + (0.0 if self.log_z is None else self.log_z)

    return Planted


def data_not_drawn(engine: str) -> Any:
    """Its step leaves the data out: h hears of g alone, as if there were no layer below."""

    class Planted(middle(engine)):
        def transition(self, value: Any, key: Any) -> Any:
            above = machine(engine)(self.weight[:, 3:], self.visible, self.hidden[3:])
            return above.transition(value, key)

    return Planted


def seen_by_itself(engine: str) -> Any:
    """Its mean field is shown the entries that it is to predict."""

    class Planted(middle(engine)):
        def predict(self, x: Any, held: Any, sweeps: int) -> Any:
            return super().predict(x, 0 * held + 1, sweeps)

    return Planted


PLANTED = [
    ("energy", "CD", Energy("energy", law=probability_in_the_chain)),
    ("energy", "CD", Energy("energy", law=key_used_twice)),
    ("summed", "ELBO", Energy("summed", summed=True, law=constant_forgotten)),
    ("deep", "UpDown", Deep("deep", law=data_not_drawn)),
    ("deep", "MultiPrediction", Deep("deep", law=seen_by_itself)),
    ("copies", "Denoising, walks", Copies("copies", corruption=lambda x: 0.4 * x + 0.3)),
]

NAMES = ("probability", "key used twice", "log Z", "no data", "seen", "another corruption")


@pytest.mark.parametrize(("case", "label", "program"), PLANTED, ids=NAMES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_planted_mistake_is_found(
    engine: str, case: str, label: str, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the chain: chances for draws, a key that is used twice, a wrong corruption; or log Z."""
    monkeypatch.setitem(ENERGIES, case, program)
    certify._expected.cache_clear()
    (setting,) = energy_settings(labels=[label], programs=[case], engines=[engine])
    assert dataclasses.is_dataclass(setting)
    assert measure(setting, DRAWS).largest > limit(COMPARISONS)
    certify._expected.cache_clear()
