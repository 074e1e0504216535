"""Bounds between and beyond the ELBO and the importance-weighted bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count, check_number
from inference.objectives._objective import Objective
from inference.objectives.elbo import ELBO
from inference.objectives.estimates import Bound, of_both
from inference.objectives.requirements import LOCAL, OBSERVED, REPARAMETERISED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program


class Renyi(Objective):
    """The variational Renyi bound of K draws per datum.

        L_alpha = 1 / (1 - alpha) * log 1/K sum_k w_k^(1 - alpha),   w_k = p(x, z_k) / q(z_k | x)

    alpha = 0 is the importance-weighted bound and alpha = 1 the ELBO. For 0 <= alpha < 1 the
    expectation is below log p(x); for alpha < 0 the exact quantity is above it, but the estimate
    from K draws is biased downwards and need not be a bound at all. Weights are per datum and the
    scale of a subsampled plate stays outside. The gradient is pathwise.

    Args:
        alpha: order of the divergence, finite.
        num_particles: K, the number of draws per datum.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Li & Turner 2016, arXiv:1602.02311.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS)
    estimates = of_both(Bound(("num_particles",), order="alpha"))
    usual: ClassVar = {"alpha": 0.5, "num_particles": 5}
    certified: ClassVar = {"": {"alpha": 0.5}}
    nests = True

    def __init__(self, alpha: float, num_particles: int) -> None:
        self.alpha = check_number("alpha", alpha)
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """Log of the mean of w^(1 - alpha), (K, N) to (N,), summed over the data."""
        if self.alpha == 1:
            return ELBO(self.num_particles, analytic_kl=False).surrogate(program)
        power = 1 - self.alpha
        log_w = program.draw(self.num_particles).log_w  # (K, N)
        return program.total(program.logmeanexp(power * log_w) / power)
