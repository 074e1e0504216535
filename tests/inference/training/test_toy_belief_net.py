"""`RWS` learns a sigmoid belief net as well as exact maximum likelihood does."""

from __future__ import annotations

import functools

import pytest

from benchmarks.toy_belief_net import SEEDS, trained
from inference import RWS, Enumerated
from inference.objectives._objective import gradient_only, normalised_weights

TOLERANCE = 0.1  # nats per datum


class WeightPerMinibatch(RWS):
    """Planted: log w is summed over the minibatch before it is normalised over particles."""

    def surrogate(self, program):
        draws = program.draw(self.num_particles, detach=True)
        log_w = draws.log_w.sum(1)[:, None]  # (K, 1)
        weights = normalised_weights(program, log_w)
        learnt = (weights * (draws.log_p + draws.log_q)).sum(0)  # (N,)
        bound = program.stop(program.logmeanexp(draws.log_w))
        return program.total(bound + gradient_only(program, learnt))


@functools.cache
def exact(seed):
    return trained("numpyro", Enumerated(), seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_as_good_as_enumeration(seed):
    assert abs(trained("numpyro", RWS(20), seed=seed) - exact(seed)) < TOLERANCE


def test_one_weight_for_a_minibatch_is_not():
    planted = trained("numpyro", WeightPerMinibatch(20), seed=SEEDS[0])
    assert not abs(planted - exact(SEEDS[0])) < TOLERANCE
