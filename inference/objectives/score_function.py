"""Score-function estimators with leave-one-out baselines, for latents of any kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count
from inference.objectives._objective import Objective
from inference.objectives._score import score_terms, through_draws
from inference.objectives.estimates import OF_ELBO, OF_IWAE
from inference.objectives.requirements import GLOBALS_REPARAMETERISED, OBSERVED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program


class RLOO(Objective):
    """The ELBO of K draws, each draw's score weighed against the mean of the others.

        grad = 1/K sum_k (f_k - 1/(K-1) sum_j!=k f_j) grad log q(z_k | x) + pathwise terms

    where f_k are, for each site, the terms of log p(x, z_k) - log q(z_k | x) that its draw can
    change. Unbiased for the ELBO's gradient, with latents for each datum and outside of the data's
    plate. Sites with a reparameterised draw keep their pathwise gradient; without any other site
    this is `ELBO(K, analytic_kl=False)`.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Salimans & Knowles 2014, arXiv:1401.1022; Kool, van Hoof & Welling 2019.
    """

    needs = (OBSERVED,)
    estimates = OF_ELBO
    usual: ClassVar = {"num_particles": 5}
    least_particles = 2

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)

    def surrogate(self, program: Program) -> Any:
        """Mean over the draws, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles)
        excess = self.num_particles / (self.num_particles - 1)

        def less_the_others(name: str, signal: Any) -> Any:
            del name
            return (signal - signal.mean(0)) * excess

        learnt = through_draws(program, draws)  # (K, N)
        return program.total(
            (learnt + score_terms(program, draws, control=less_the_others)).mean(0)
        )


class VIMCO(Objective):
    """The importance-weighted bound with one learning signal a draw.

        L = log 1/K sum_k w_k
        grad = sum_k (L - L_-k) grad log q(z_k | x) + sum_k w~_k grad log w_k

    where L_-k is the bound with w_k replaced by the geometric mean of the others, or zero where all
    of these have no weight, and w~ are the normalised weights. Unbiased for the gradient of L, with
    the baselines that a single score weight L would lack. Sites with a reparameterised draw keep
    their pathwise gradient. Global latents, outside of the data's plate, are drawn once and local
    ones weighed given them: see `IWAE`.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Mnih & Rezende 2016, arXiv:1602.06725.
    """

    needs = (OBSERVED, WEIGHTS, GLOBALS_REPARAMETERISED)
    estimates = OF_IWAE
    usual: ClassVar = {"num_particles": 5}
    least_particles = 2
    nests = True

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)

    def surrogate(self, program: Program) -> Any:
        """The bound and K learning signals, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles)
        log_w = draws.log_w  # (K, N)
        bound = program.logmeanexp(log_w)  # (N,)
        where = program.ops.where
        nil = where(log_w == -math.inf, 1.0, 0.0)  # draws that the model cannot have made
        known = where(nil > 0, 0.0, log_w)
        others = (known.sum(0) - known) / (self.num_particles - 1)  # geometric means, (K, N)
        others = where(nil.sum(0) - nil > 0, -math.inf, others)
        # Row k of the (K, K, N) array holds the weights with the k-th replaced.
        itself = program.diagonal(program.ops.exp(0 * known)) > 0
        without = program.logmeanexp(where(itself, others[:, None], log_w[:, None]))  # (K, N)
        signal = where(bound == -math.inf, 0.0, bound) - where(without == -math.inf, 0.0, without)
        return program.total(bound + program.score(signal, draws.log_q_scored).sum(0))
