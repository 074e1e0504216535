"""Guides that are fitted by a bounded f-divergence."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count
from inference.objectives._objective import Objective, gradient_only, normalised_weights, weighed
from inference.objectives.estimates import L_K, Estimates, Rule
from inference.objectives.requirements import DRAWS, LOCAL, OBSERVED, SCORABLE, SCORED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program

_SAME = 1e-5  # relative: weights as near as that are equal but for rounding


class FDivergence(Objective):
    """A guide that descends E_q[f(u)], u = p(z | x) / q(z | x), and a model by `IWAE(K)`'s bound.

        grad_phi E_q[f(u)] = -E_q[ (u f'(u) - f(u)) grad log q(z | x) ]

    with u from K draws of a datum, its weight over their mean: consistent, and biased at finite K.
    """

    needs = (OBSERVED, DRAWS, LOCAL, WEIGHTS, SCORABLE, SCORED)
    usual: ClassVar = {"num_particles": 5}
    least_particles = 2

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)

    @abstractmethod
    def _signal(self, ratio: Any, ops: Any) -> Any:
        """u f'(u) - f(u), up to a constant."""

    def surrogate(self, program: Program) -> Any:
        """logmeanexp_k of log w_k, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles, detach=True)
        log_w = draws.log_w  # (K, N)
        weights = normalised_weights(program, log_w)
        # Where no draw has any weight there is nothing to compare.
        some = program.ops.where(weights.sum(0) > 0, 1.0, 0.0)
        signal = some * self._signal(self.num_particles * weights, program.ops)
        learnt = weighed(program, weights, draws.log_p) + signal * draws.log_q / self.num_particles
        bound = program.stop(program.logmeanexp(log_w))
        return program.total(bound + gradient_only(program, learnt.sum(0)))

    def bound(self, program: Program) -> Any:
        """The bound of `IWAE(K)`."""
        return program.total(program.logmeanexp(program.draw(self.num_particles).log_w))


class JensenShannon(FDivergence):
    """A guide fitted by the Jensen-Shannon divergence, a model by the importance-weighted bound.

        JS = 1/2 KL(p || m) + 1/2 KL(q || m),   m = (p + q) / 2,   p = p(z | x), q = q(z | x)
        -grad_phi JS = 1/2 E_q[ log((1 + u) / 2) grad log q(z | x) ],   u = p / q

    At most log 2, and between the two directions of KL: the guide neither leaves out a mode as
    readily as under the ELBO nor stretches over all as under `RWS`. u is a draw's weight over the
    mean of the K: consistent, and biased at finite K. No gradient goes through a draw: latents of
    any kind will do. The model ascends the bound of `IWAE(K)`, which is also the value.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Lin 1991, IEEE Trans. Information Theory 37; Wan, Li & Hovakimyan 2020, arXiv:2009.13093.
    """

    estimates = Estimates(L_K, Rule("jensen-shannon"))

    def _signal(self, ratio: Any, ops: Any) -> Any:
        return 0.5 * (ops.log1p(ratio) - math.log(2))


class TotalVariation(FDivergence):
    """A guide fitted by the total variation, a model by the importance-weighted bound.

        TV = 1/2 E_q|u - 1|,   -grad_phi TV = 1/2 E_q[ sign(u - 1) grad log q(z | x) ],   u = p / q

    At most 1: no draw has more to say than whether the posterior gives it more than the guide does.
    So the guide's signal is never wild, and weak where the two are far apart. u is a draw's weight
    over the mean of the K: consistent, and biased at finite K. No gradient goes through a draw:
    latents of any kind will do. The model ascends the bound of `IWAE(K)`, which is also the value.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Wan, Li & Hovakimyan 2020, arXiv:2009.13093.
    """

    estimates = Estimates(L_K, Rule("total-variation"))

    def _signal(self, ratio: Any, ops: Any) -> Any:
        above = ops.where(ratio > 1 + _SAME, 0.5, 0.0)
        return above - ops.where(ratio < 1 - _SAME, 0.5, 0.0)
