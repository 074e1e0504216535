"""Mistakes that are easily made, each planted and each caught by the certificate.

Those of Pyro and NumPyro themselves are marked as such.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference.estimators.certificate.certify import Setting, limit, measure
from inference.objectives import (
    ELBO,
    IWAE,
    NVIL,
    PIWAE,
    REBAR,
    RELAX,
    RWS,
    VIMCO,
    ChiSquare,
    DisARM,
    DReG,
    Enumerated,
    Objective,
    Renyi,
    TailAdaptive,
    WakeSleep,
    control_variates,
    elbo,
)
from inference.objectives._objective import gradient_only, normalised_weights
from inference.program.structure import Structure


class Unchecked(Objective):
    def check(self, structure: Structure) -> None:
        pass


class JointRWS(RWS):
    """Pyro's ReweightedWakeSleep: one weight per particle for the whole minibatch."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles, detach=True)
        joint = draws.log_w.sum(1)[:, None]  # (K, 1)
        weights = normalised_weights(program, joint)
        learnt = (weights * (draws.log_p + draws.log_q)).sum(0)
        return program.total(gradient_only(program, learnt))


class RenyiOnDiscrete(Unchecked, Renyi):
    """Pyro's RenyiELBO with a discrete guide: no score term, so the guide hears nothing."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles)
        log_w = draws.log_p - program.stop(draws.log_q)
        return program.total(program.logmeanexp(log_w))


class IWAEOnDiscrete(Unchecked, IWAE):
    """NumPyro's RenyiELBO with a discrete guide: the pathwise part alone, of the wrong sign."""


class OrderForRank(TailAdaptive):
    """Pyro's TraceTailAdaptive_ELBO: argsort is the order of the weights, not their ranks."""

    def surrogate(self, program: Any) -> Any:
        def weigh(log_w: Any) -> tuple[Any, Any]:
            above = program.ops.where(log_w[None] > log_w[:, None], 1.0, 0.0)
            rank = above.sum(1)  # (K, N), 0 for the largest
            place = program.ops.array(np.arange(self.num_particles))
            # order[i] is the index of the i-th largest weight
            is_i = program.ops.where(rank[None] == place[:, None, None], 1.0, 0.0)  # (i, k, N)
            order = (is_i * place[None, :, None]).sum(1)  # (K, N)
            share = 1 / (order + 1)
            return normalised_weights(program, log_w), share / share.sum(0)

        log_w, term = program.weighted(self.num_particles, weigh, through_draws_only=True)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class DReGWithoutTheSquare(DReG):
    def surrogate(self, program: Any) -> Any:
        def weigh(log_w: Any) -> tuple[Any, Any]:
            weights = normalised_weights(program, log_w)
            return weights, weights

        log_w, term = program.weighted(self.num_particles, weigh, through_draws_only=True)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class DReGWithTheScore(DReG):
    def surrogate(self, program: Any) -> Any:
        def weigh(log_w: Any) -> tuple[Any, Any]:
            weights = normalised_weights(program, log_w)
            return weights, weights**2

        log_w, term = program.weighted(self.num_particles, weigh, through_draws_only=False)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class PIWAEWithTheModelsWeights(PIWAE):
    def surrogate(self, program: Any) -> Any:
        def weigh(log_w: Any) -> tuple[Any, Any]:
            weights = normalised_weights(program, log_w)
            return weights, weights

        count = self.num_outer * self.num_particles
        log_w, term = program.weighted(count, weigh, through_draws_only=False)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class ChiSquareUphill(ChiSquare):
    """The upper bound ascended, by the score form of its gradient."""

    def surrogate(self, program: Any) -> Any:
        def weigh(log_w: Any) -> tuple[Any, Any]:
            return normalised_weights(program, log_w), -normalised_weights(program, 2 * log_w)

        log_w, term = program.weighted(self.num_particles, weigh, through_draws_only=True)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class BaselineOfTheDrawItself(NVIL):
    """The running mean is updated with the draw's own signal before it is subtracted."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles)
        signal = program.stop(draws.log_w)
        centred = 0.5 * signal
        score = program.score(centred + 1, draws.log_q_scored)
        return program.total((draws.log_w + score).mean(0))


class VIMCOWithOneself(VIMCO):
    """The baseline of each draw contains the draw."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(self.num_particles)
        bound = program.logmeanexp(draws.log_w)
        signal = bound - draws.log_w.mean(0)
        return program.total(
            bound + program.score(signal + 0 * draws.log_w, draws.log_q_scored).sum(0)
        )


class DreamsThatTeachTheModel(WakeSleep):
    """The wake phase's draws are not detached, so that the guide learns from both phases."""

    def surrogate(self, program: Any) -> Any:
        draws = program.draw(1)
        learnt = draws.log_p[0] + program.dream() - draws.log_q[0]
        return program.total(gradient_only(program, learnt))


class EnumeratedWithoutTheWeightsGradient(Enumerated):
    def surrogate(self, program: Any) -> Any:
        class Stopped:
            def __getattr__(self, name: str) -> Any:
                return getattr(program.ops, name)

            def exp(self, value: Any) -> Any:
                return program.ops.exp(program.stop(value))

        class Wrapped:
            ops = Stopped()

            def __getattr__(self, name: str) -> Any:
                return getattr(program, name)

        wrapped: Any = Wrapped()
        return super().surrogate(wrapped)


class UnpairedDisARM(DisARM):
    """The second draw has noise of its own."""

    def _site_term(self, program: Any, draws: Any, site: Any, held: Any) -> Any:
        del held
        other = program.draw(self.num_particles)
        logits = program.stop(draws.logits[site.name])
        difference = program.structure.spread(program.stop(draws.log_w - other.log_w), site)
        apart = program.stop(draws.values[site.name] - other.values[site.name])
        size = program.ops.sigmoid(program.ops.where(logits > 0, logits, -logits))
        gradient = 0.5 * difference * apart * size
        gathered = program.structure.gather(gradient * draws.logits[site.name])
        return gradient_only(program, gathered)


PLANTED = [
    (JointRWS(5), RWS(5), "bernoulli"),
    (JointRWS(5), RWS(5), "reparameterised"),
    (RenyiOnDiscrete(0.0, 5), VIMCO(5), "bernoulli"),
    (IWAEOnDiscrete(5), VIMCO(5), "categorical"),
    (OrderForRank(5), TailAdaptive(5), "reparameterised"),
    (DReGWithoutTheSquare(5), DReG(5), "reparameterised"),
    (DReGWithTheScore(5), DReG(5), "reparameterised"),
    (PIWAEWithTheModelsWeights(10, 1), PIWAE(10, 1), "reparameterised"),
    (ChiSquareUphill(5), ChiSquare(5), "reparameterised"),
    (BaselineOfTheDrawItself(), NVIL(), "bernoulli"),
    (VIMCOWithOneself(2), VIMCO(2), "bernoulli"),
    (DreamsThatTeachTheModel(), WakeSleep(), "mixed"),
    (UnpairedDisARM(), DisARM(), "bernoulli"),
    (EnumeratedWithoutTheWeightsGradient(), Enumerated(), "bernoulli"),
]


def caught(engine: str, planted: Objective, right: Objective, case: str) -> bool:
    particles = getattr(right, "num_particles", 1)
    rows = 20 if case == "reparameterised" else 50  # those of the certificate's tests
    setting = Setting(
        "", planted, particles, case, engine, rows, subsampled=False, stands_for=right
    )
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
@pytest.mark.parametrize("objective", [REBAR(), RELAX()], ids=repr)
@pytest.mark.parametrize("case", ["bernoulli", "categorical"])
def test_a_control_variate_without_its_own_gradient_is_caught(
    case: str, objective: Objective, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = control_variates._conditional

    def without_gap(*args: Any) -> Any:
        found = whole(*args)
        return control_variates._Conditional(found.z, 0 * found.gap, found.relaxed, found.score)

    monkeypatch.setattr(control_variates, "_conditional", without_gap)
    assert caught(engine, objective, objective, case)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ["bernoulli", "mixed"])
def test_a_discrete_draw_without_its_score_is_caught(
    case: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPyro's Trace_ELBO and TraceMeanField_ELBO with a discrete guide."""
    monkeypatch.setattr(elbo, "score_terms", lambda *given: 0.0)
    assert caught(engine, ELBO(), ELBO(), case)
