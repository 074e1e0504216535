"""The importance-weighted bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.objectives._objective import Objective, check_num_particles

if TYPE_CHECKING:
    from inference.engines.program import Program
    from inference.engines.structure import Structure


class IWAE(Objective):
    """The importance-weighted bound of K draws per datum.

        L_K = E_q[log 1/K sum_k p(x, z_k) / q(z_k | x)],   L_1 = ELBO <= L_K <= L_K+1 <= log p(x)

    The weights are normalised for each datum on its own, never across the minibatch, and a
    subsampled plate's scale stays outside the logarithm, so that the total is a bound too. The
    gradient is pathwise. That of the model improves with K; that of the guide has a
    signal-to-noise ratio that falls as 1/sqrt(K) (Rainforth et al. 2018, arXiv:1802.04537).

    Args:
        num_particles: K, the number of draws per datum.

    Raises:
        ValueError: if `num_particles` is not a positive whole number.

    References:
        Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519.
    """

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_num_particles(num_particles)

    def surrogate(self, program: Program) -> Any:
        """logsumexp_k of log w_k, (K, N) to (N,), minus log K, summed over the data."""
        log_w = program.draw(self.num_particles).log_w  # (K, N)
        return program.total(program.logmeanexp(log_w))

    def check(self, structure: Structure) -> None:
        """Needs an observed site, local latents, and reparameterised draws."""
        structure.check_observed()
        structure.check_local(repr(self))
        structure.check_reparameterised(repr(self), instead="ELBO(), which has a score term,")
