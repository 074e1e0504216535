"""Pathwise gradients without the score of the guide, whose mean is zero and whose noise is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count
from inference.objectives._objective import Objective, normalised_weights, possible
from inference.objectives.estimates import OF_ELBO, OF_IWAE
from inference.objectives.requirements import (
    APART_IN_DENSITY,
    DENSE,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
    SCORABLE,
    WEIGHTS,
)

if TYPE_CHECKING:
    from inference.program.program import Program


class STL(Objective):
    """The ELBO with the guide's gradient through the draws alone ("sticking the landing").

        grad_phi = E[ d/dz (log p(x, z) - log q(z | x)) dz/dphi ]

    The rest of the ELBO's pathwise gradient, E[-d/dphi log q(z | x)] at fixed z, is zero in
    expectation and is left out: the gradient stays unbiased, and its variance goes to zero as the
    guide reaches the posterior. Far from it, the term that is left out may have helped: the
    variance is not always lower than the ELBO's.

    Args:
        num_particles: K, the number of draws that are averaged.

    Raises:
        ArgumentError: if `num_particles` is not a positive whole number.

    References:
        Roeder, Wu & Duvenaud 2017, arXiv:1703.09194.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, SCORABLE, APART_IN_DENSITY)
    estimates = OF_ELBO

    def __init__(self, num_particles: int = 1) -> None:
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k, (K, N) to (N,), summed over the data."""

        def weigh(log_w: Any) -> tuple[Any, Any]:
            mean = program.ops.exp(0 * possible(program, log_w)) / self.num_particles
            return mean, mean

        log_w, term = program.weighted(self.num_particles, weigh, through_draws_only=True)
        return program.total(log_w.mean(0) + term.sum(0))


class DReG(Objective):
    """The importance-weighted bound with the doubly reparameterised gradient of the guide.

        grad_phi = E[ sum_k w~_k^2 d/dz log w(z_k) dz_k/dphi ],   w~_k = w_k / sum_j w_j
        grad_theta = E[ sum_k w~_k d/dtheta log p(x, z_k) ]

    Both are unbiased for the gradient of `IWAE(K)`, the value is the same bound, and the guide's
    signal-to-noise ratio does not fall with K as that of `IWAE` does. With K = 1 it is `STL(1)`.
    Of data of which a mask leaves out a draw after one that counts, the gradient is `IWAE`'s.

    Args:
        num_particles: K, the number of draws per datum.

    Raises:
        ArgumentError: if `num_particles` is not a positive whole number.

    References:
        Tucker, Lawson, Gu & Maddison 2019, arXiv:1810.04152.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS, SCORABLE, DENSE)
    estimates = OF_IWAE
    usual: ClassVar = {"num_particles": 5}

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """logmeanexp_k of log w_k, (K, N) to (N,), summed over the data."""

        def weigh(log_w: Any) -> tuple[Any, Any]:
            weights = normalised_weights(program, log_w)
            return weights, weights**2

        log_w, term = program.weighted(
            self.num_particles, weigh, through_draws_only=True, exact=True
        )
        return program.total(program.logmeanexp(log_w) + term.sum(0))
