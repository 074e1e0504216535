"""The importance-weighted bound and its combinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count, check_number
from inference.objectives._objective import Objective, normalised_weights
from inference.objectives.estimates import L_K, OF_IWAE, Bound, Estimates, of_both
from inference.objectives.requirements import LOCAL, OBSERVED, REPARAMETERISED, SCORABLE, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program


class IWAE(Objective):
    """The importance-weighted bound of K draws per datum.

        L_K = E_q[log 1/K sum_k p(x, z_k) / q(z_k | x)],   L_1 = ELBO <= L_K <= L_K+1 <= log p(x)

    The weights are normalised for each datum on its own, never across the minibatch, and a
    subsampled plate's scale stays outside the logarithm, so that the total is a bound too. The
    gradient is pathwise. That of the model improves with K; that of the guide has a
    signal-to-noise ratio that falls as 1/sqrt(K) (Rainforth et al. 2018, arXiv:1802.04537).

    Latents g outside of the data's plate are drawn once, and local ones weighed given that draw:

        L_K = E_q[ log p(g) - log q(g) + sum_n log 1/K sum_k p(x_n, z_nk | g) / q(z_nk | x_n, g) ]

    which is a bound on log p(x) too, tight in the local latents alone.

    Args:
        num_particles: K, the number of draws per datum.

    Raises:
        ArgumentError: if `num_particles` is not a positive whole number.

    References:
        Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS)
    estimates = OF_IWAE
    usual: ClassVar = {"num_particles": 5}
    nests = True

    def __init__(self, num_particles: int) -> None:
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """logsumexp_k of log w_k, (K, N) to (N,), minus log K, summed over the data."""
        log_w = program.draw(self.num_particles).log_w  # (K, N)
        return program.total(program.logmeanexp(log_w))


class MIWAE(Objective):
    """The mean of M importance-weighted bounds of K draws each.

        L = 1/M sum_m log 1/K sum_k p(x, z_mk) / q(z_mk | x)

    The bound is that of `IWAE(K)`; the M repetitions lower the variance of its gradient, of the
    guide's part as of the model's. The gradient is pathwise.

    Args:
        num_outer: M, the number of bounds.
        num_particles: K, the number of draws per bound.

    Raises:
        ArgumentError: if an argument is not a positive whole number.

    References:
        Rainforth et al. 2018, arXiv:1802.04537.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS)
    estimates = OF_IWAE
    usual: ClassVar = {"num_outer": 5, "num_particles": 5}
    certified: ClassVar = {"": {"num_outer": 2}}
    nests = True

    def __init__(self, num_outer: int, num_particles: int) -> None:
        self.num_outer = check_count("num_outer", num_outer)
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """Mean over M of the bounds of K draws, (M K, N) to (N,), summed over the data."""
        log_w = program.draw(self.num_outer * self.num_particles).log_w  # (M K, N)
        grouped = log_w.reshape(self.num_particles, self.num_outer, -1)  # (K, M, N)
        return program.total(program.logmeanexp(grouped).mean(0))


class PIWAE(Objective):
    """One bound for the model and another for the guide, from the same M K draws.

        model:  grad log 1/(M K) sum_mk w_mk        (`IWAE` of M K draws)
        guide:  grad 1/M sum_m log 1/K sum_k w_mk   (`MIWAE` of M times K draws)

    The model profits from a tight bound, the guide from a gradient whose signal does not drown in
    noise as K grows. The value is that of the model's bound. Both gradients are pathwise and
    unbiased for their own bound.

    Args:
        num_outer: M, the number of bounds that the guide's gradient averages.
        num_particles: K, the number of draws per bound.

    Raises:
        ArgumentError: if an argument is not a positive whole number.

    References:
        Rainforth et al. 2018, arXiv:1802.04537.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS, SCORABLE)
    estimates = Estimates(Bound(("num_outer", "num_particles")), L_K)
    usual: ClassVar = {"num_outer": 5, "num_particles": 5}
    certified: ClassVar = {"": {"num_outer": 2}}

    def __init__(self, num_outer: int, num_particles: int) -> None:
        self.num_outer = check_count("num_outer", num_outer)
        self.num_particles = check_count("num_particles", num_particles)

    def surrogate(self, program: Program) -> Any:
        """The bound of all draws, with weights for the guide from each group of K."""
        count = self.num_outer * self.num_particles

        def weigh(log_w: Any) -> tuple[Any, Any]:
            grouped = log_w.reshape(self.num_particles, self.num_outer, -1)  # (K, M, N)
            guide = normalised_weights(program, grouped) / self.num_outer
            return normalised_weights(program, log_w), guide.reshape(count, -1)

        log_w, term = program.weighted(count, weigh, through_draws_only=False)  # (M K, N)
        return program.total(program.logmeanexp(log_w) + term.sum(0))


class CIWAE(Objective):
    """A convex combination of the ELBO and the importance-weighted bound of the same draws.

        L = beta * ELBO + (1 - beta) * L_K

    A little of the ELBO keeps the guide's gradient alive where that of `IWAE` fades with K. The
    gradient is pathwise.

    Args:
        num_particles: K, the number of draws per datum.
        beta: weight of the ELBO, from 0 (`IWAE`) to 1 (`ELBO` of K draws).

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Rainforth et al. 2018, arXiv:1802.04537.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, WEIGHTS)
    estimates = of_both(Bound(("num_particles",), share="beta"))
    usual: ClassVar = {"num_particles": 5, "beta": 0.05}
    certified: ClassVar = {"": {"beta": 0.3}}
    nests = True

    def __init__(self, num_particles: int, beta: float) -> None:
        self.num_particles = check_count("num_particles", num_particles)
        self.beta = check_number("beta", beta, least=0, most=1)

    def surrogate(self, program: Program) -> Any:
        """Both bounds from one set of draws, (K, N) to (N,), summed over the data."""
        log_w = program.draw(self.num_particles).log_w  # (K, N)
        bound = self.beta * log_w.mean(0) + (1 - self.beta) * program.logmeanexp(log_w)
        return program.total(bound)
