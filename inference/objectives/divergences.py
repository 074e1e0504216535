"""Guides that are fitted by another divergence than the model's bound implies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count
from inference.objectives._objective import Objective, normalised_weights
from inference.objectives.estimates import L_K, Estimates, Rule
from inference.objectives.requirements import (
    APART,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
    SCORABLE,
    WEIGHTS,
)

if TYPE_CHECKING:
    from inference.program.program import Program


class TailAdaptive(Objective):
    """A guide fitted by the tail-adaptive f-divergence, a model by the importance-weighted bound.

        grad_phi = E[ sum_k g_k d/dz log w(z_k) dz_k/dphi ],   g_k proportional to 1 / rank_k

    where the rank of a draw is its place among the K of the same datum, 1 for the largest weight,
    so that heavy-tailed weights cannot dominate. (Pyro's `TraceTailAdaptive_ELBO` takes the order
    for the rank.) The model's gradient is that of `IWAE(K)`, as is the value; the guide descends an
    f-divergence that depends on itself, so there is no one function whose gradient this is. A draw
    that a mask leaves out is none of the guide's but of what it is fitted to: it learns as the
    model does. Of data of which a mask leaves out a draw after one that counts, the gradient is
    `IWAE`'s.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Wang, Liu & Liu 2018, arXiv:1810.11943.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS, SCORABLE, APART)
    estimates = Estimates(L_K, Rule("tail-adaptive"))
    usual: ClassVar = {"num_particles": 5}
    least_particles = 2

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)

    def surrogate(self, program: Program) -> Any:
        """logmeanexp_k of log w_k, (K, N) to (N,), summed over the data."""

        def weigh(log_w: Any) -> tuple[Any, Any]:
            at_least = program.ops.where(log_w[None] >= log_w[:, None], 1.0, 0.0)  # (K, K, N)
            share = 1 / at_least.sum(1)  # one over the rank, (K, N)
            return normalised_weights(program, log_w), share / share.sum(0)

        log_w, term = program.weighted(
            self.num_particles, weigh, through_draws_only=True, exact=True
        )
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class ChiSquare(Objective):
    """A guide fitted by the chi-square divergence, a model by the importance-weighted bound.

    The guide descends the chi upper bound CUBO = 1/2 log E_q[w^2] >= log p(x), whose gradient is

        grad_phi CUBO = -E[ w^2 d/dz log w(z) dz/dphi ] / E[w^2],

    with both expectations from the same K draws: consistent, and biased at finite K. Such a guide
    covers the posterior. The model ascends the bound of `IWAE(K)`, which is also the value: an
    upper bound is nothing to maximise. A draw that a mask leaves out learns as the model does; of
    data of which it leaves out one after another that counts, the gradient is `IWAE`'s.

    Args:
        num_particles: K, at least 2.

    Raises:
        ArgumentError: if `num_particles` is not a whole number of at least 2.

    References:
        Dieng et al. 2017, arXiv:1611.00328; the doubly reparameterised form is that of Tucker et
        al. 2019, arXiv:1810.04152.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS, SCORABLE, APART)
    estimates = Estimates(L_K, Rule("chi-square"))
    usual: ClassVar = {"num_particles": 5}
    least_particles = 2

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles, least=self.least_particles)

    def surrogate(self, program: Program) -> Any:
        """logmeanexp_k of log w_k, (K, N) to (N,), summed over the data."""

        def weigh(log_w: Any) -> tuple[Any, Any]:
            return normalised_weights(program, log_w), normalised_weights(program, 2 * log_w)

        log_w, term = program.weighted(
            self.num_particles, weigh, through_draws_only=True, exact=True
        )
        return program.total(program.logmeanexp(log_w) + term.sum(0))
