"""A bound by thermodynamic integration from the guide to the posterior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from inference.arguments import check_count, check_number
from inference.errors import ArgumentError
from inference.objectives._objective import Objective, gradient_only, normalised_weights, weighed
from inference.objectives.estimates import L_K, Estimates, Rule
from inference.objectives.requirements import DRAWS, LOCAL, OBSERVED, SCORABLE, SCORED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program


class TVO(Objective):
    """The thermodynamic variational objective: a sum of expectations between guide and posterior.

        log p(x) = int_0^1 E_b[log w] db,      E_b under q(z | x) w^b up to a constant, w = p / q
        L = sum_j (b_j+1 - b_j) E_b_j[log w],  0 = b_0 < b_1 < ... < b_J = 1

    The integrand rises with b, so that the left sum is a lower bound: with one partition the ELBO,
    and the tighter the finer. Each expectation is that of the same K draws, weighed by w^b and
    normalised for each datum. So the value lies, draw by draw, between the mean of log w and the
    bound of `IWAE(K)`, which it meets as the partitions are refined: a bound in expectation, too.

    The gradient is that of Masrani et al., the covariance under the weights,

        grad E_b[log w] = E_b[grad log w] + Cov_b(log w, grad log(q^(1 - b) p^b)),

    which goes through no draw: latents of any kind will do. (Of a masked draw, which w leaves out,
    the last term has q w^b, as it is drawn from q all the same.) For the model it is the exact
    gradient of the value. For the guide it is consistent, with a bias that falls as 1/K: at b = 0
    the ELBO's gradient times 1 - 1/K.

    Args:
        num_particles: K, the number of draws per datum, at least 2.
        num_partitions: J.
        first_beta: b_1, from which the others are spaced evenly in log b; without a meaning where
            J is 1.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Masrani, Le & Wood 2019, arXiv:1907.00031.
    """

    needs = (OBSERVED, DRAWS, LOCAL, WEIGHTS, SCORABLE, SCORED)
    estimates = Estimates(L_K, L_K, biased=Rule("thermodynamic"))
    usual: ClassVar = {"num_particles": 5}
    certified: ClassVar = {"": {"num_partitions": 5}}
    least_particles = 2

    def __init__(
        self, num_particles: int, num_partitions: int = 5, first_beta: float = 0.03
    ) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)
        self.num_partitions = check_count("num_partitions", num_partitions)
        self.first_beta = check_number("first_beta", first_beta, positive=True, most=1)
        if first_beta == 1 and num_partitions > 1:
            raise ArgumentError(
                "first_beta must be below 1, where the last partition ends, got 1; leave it out, "
                "or set num_partitions=1."
            )

    @property
    def betas(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """b_0 ... b_J."""
        if self.num_partitions == 1:
            return np.array([0.0, 1.0])
        return np.append(0.0, np.geomspace(self.first_beta, 1.0, self.num_partitions))

    def surrogate(self, program: Program) -> Any:
        """The sum of weighed means of log w, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles, detach=True)
        where = program.ops.where
        log_w = program.stop(draws.log_w)  # (K, N)
        nil = log_w == -math.inf  # draws that the model cannot have made
        known = where(nil, 0.0, log_w)
        betas, widths = (
            program.ops.array(each.astype(np.float32))[:, None] + 0 * known[0]  # (J, N)
            for each in (self.betas[:-1], np.diff(self.betas))
        )
        impossible = where(nil[:, None] & (betas > 0), -math.inf, 0.0)
        weights = normalised_weights(program, betas * known[:, None] + impossible)  # (K, J, N)
        means = weighed(program, weights, log_w[:, None]).sum(0)  # (J, N)
        finite = where(means == -math.inf, 0.0, means)
        apart = where(nil[:, None], 0.0, known[:, None] - finite)  # (K, J, N)
        by_model = (widths * weights * (1 + betas * apart)).sum(1)
        by_guide = (widths * weights * ((1 - betas) * apart - 1)).sum(1)
        learnt = weighed(program, by_model, draws.log_p) + weighed(program, by_guide, draws.log_q)
        if draws.log_q_left_out is not None:  # a masked draw is none of log w, and drawn from q
            pull = (widths * weights * apart).sum(1)
            learnt = learnt + weighed(program, pull, draws.log_q_left_out)
        return program.total((widths * means).sum(0) + gradient_only(program, learnt.sum(0)))
