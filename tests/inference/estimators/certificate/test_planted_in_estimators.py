"""Mistakes in estimators of pairs, expansions and sets of draws, each caught by the certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference.estimators.certificate.certify import Setting, limit, measure
from inference.objectives import (
    ARM,
    SUMO,
    TVO,
    DisARM,
    JensenShannon,
    MuProp,
    Objective,
    TotalVariation,
    antithetic,
    muprop,
    roulette,
)


class ARMOfTheOtherNoise(ARM):
    """1 - u for u: the gradient points downhill."""

    def _weights(self, bits: Any, ops: Any) -> Any:
        return bits.noise - 0.5


class DisARMOnAllBits(DisARM):
    """Bits that one of the two draws does not reach count as zeros."""

    def _weights(self, bits: Any, ops: Any) -> Any:
        likelier = ops.where(bits.p > 0.5, bits.p, 1 - bits.p)
        on, other = bits.on * bits.reached, bits.other * bits.other_reached
        return 0.5 * (on - other) * likelier


class EvenPartitions(TVO):
    """Other weights of the partitions than those that are said."""

    @property
    def betas(self) -> Any:
        return np.linspace(0, 1, self.num_partitions + 1)


class KLForJensenShannon(JensenShannon):
    def _signal(self, ratio: Any, ops: Any) -> Any:
        return ops.log(ratio + 1e-6)


class RanksForSigns(TotalVariation):
    """Half of the draws up and half down, whatever their weights are."""

    def _signal(self, ratio: Any, ops: Any) -> Any:
        above = ops.where(ratio[:, None] > ratio[None], 0.5, 0.0).mean(1)
        below = ops.where(ratio[:, None] < ratio[None], 0.5, 0.0).mean(1)
        return above - below


PLANTED = [
    (ARMOfTheOtherNoise(), ARM(), "bernoulli"),
    (DisARMOnAllBits(), DisARM(), "categorical"),
    (EvenPartitions(5, 2), TVO(5, 2), "bernoulli"),
    (KLForJensenShannon(5), JensenShannon(5), "categorical"),
    (RanksForSigns(5), TotalVariation(5), "mixed"),
]


def caught(engine: str, planted: Objective, right: Objective, case: str) -> bool:
    particles = getattr(right, "num_particles", 1)
    setting = Setting("", planted, particles, case, engine, 50, subsampled=False, stands_for=right)
    return measure(setting, 20_000).largest > limit(4000)


@pytest.mark.parametrize(
    ("planted", "right", "case"), PLANTED, ids=[f"{type(p).__name__}-{c}" for p, _, c in PLANTED]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_planted_mistake_is_caught(
    engine: str, planted: Objective, right: Objective, case: str
) -> None:
    assert caught(engine, planted, right, case)


@pytest.mark.parametrize("engine", ENGINES)
def test_terms_that_are_not_weighed_by_their_chance_are_caught(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(ops: Any, u: Any, chance: Any) -> Any:
        return ops.where(u <= chance, 1.0, 0.0)

    monkeypatch.setattr(roulette, "_share", once)
    assert caught(engine, SUMO(2, 8), SUMO(2, 8), "bernoulli")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_control_variate_whose_mean_is_not_given_back_is_caught(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muprop, "_of_the_mean", lambda slope, spread: 0 * slope)
    assert caught(engine, MuProp(), MuProp(), "bernoulli")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stick_that_is_not_broken_is_caught(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient by the bits taken for that by the logits."""
    monkeypatch.setattr(antithetic, "_by_logits", lambda gradient, logits, ops: gradient)
    assert caught(engine, ARM(), ARM(), "categorical")
