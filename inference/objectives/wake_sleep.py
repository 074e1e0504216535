"""Learning in phases: the model from the guide's draws, the guide from the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from inference.arguments import check_count, check_one_of
from inference.objectives._objective import Objective, gradient_only, normalised_weights, weighed
from inference.objectives.estimates import L_1, L_K, Estimates, Rule
from inference.objectives.requirements import DREAMS, LOCAL, OBSERVED, SCORABLE, SCORED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program


class RWS(Objective):
    """Reweighted wake-sleep: both sides learn from self-normalised importance weights.

        wake, model:  sum_k w~_k grad log p(x, z_k),      z_k ~ q(. | x)
        wake, guide:  sum_k w~_k grad log q(z_k | x)
        sleep, guide: grad log q(z | x'),                 (z, x') ~ p

    No gradient goes through a draw, so latents of any kind will do. The model's gradient is exactly
    that of the bound of `IWAE(K)`, which is also the value. The wake phase's guide descends
    KL(p(z | x) || q(z | x)) with a bias that falls as 1/K: at K = 1 it learns nothing. The sleep
    phase is unbiased for that divergence at data from the model in place of the data. Weights are
    normalised for each datum on its own. (Pyro's `ReweightedWakeSleep` has one weight per particle
    for the whole minibatch.)

    Args:
        num_particles: K, the number of draws per datum.
        guide_phase: `"wake"`, `"sleep"`, or `"both"` for the mean of the two.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Bornschein & Bengio 2015, arXiv:1406.2751; Le et al. 2019, arXiv:1805.10469.
    """

    needs = (OBSERVED, WEIGHTS, SCORABLE, SCORED, DREAMS.when("guide_phase", "sleep", "both"))
    estimates = Estimates(L_K, Rule("wake"))
    usual: ClassVar = {"num_particles": 5}
    certified: ClassVar = {phase: {"guide_phase": phase} for phase in ("wake", "sleep", "both")}

    def __init__(
        self, num_particles: int, guide_phase: Literal["wake", "sleep", "both"] = "wake"
    ) -> None:
        self.num_particles = check_count("num_particles", num_particles)
        check_one_of("guide_phase", guide_phase, ("wake", "sleep", "both"))
        self.guide_phase = guide_phase
        rule = "wake and sleep" if guide_phase == "both" else guide_phase
        self.estimates = Estimates(L_K, Rule(rule))

    def surrogate(self, program: Program) -> Any:
        """logmeanexp_k of log w_k, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles, detach=True)
        log_w = draws.log_w  # (K, N)
        weights = normalised_weights(program, log_w)
        learnt = weighed(program, weights, draws.log_p).sum(0)  # (N,)
        share = 0.5 if self.guide_phase == "both" else 1.0
        if self.guide_phase != "sleep":
            learnt = learnt + share * weighed(program, weights, draws.log_q).sum(0)
        if self.guide_phase != "wake":
            learnt = learnt + share * program.dream()
        bound = program.stop(program.logmeanexp(log_w))
        return program.total(bound + gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """The bound of `IWAE(K)`."""
        return program.total(program.logmeanexp(program.draw(self.num_particles).log_w))


class WakeSleep(Objective):
    """The wake-sleep algorithm of the Helmholtz machine.

        wake:  grad log p(x, z),    z ~ q(. | x)      for the model
        sleep: grad log q(z | x'),  (z, x') ~ p       for the guide

    The wake phase is the ELBO's gradient of the model. The sleep phase descends
    KL(p(z | x) || q(z | x)) at data from the model, which is not the ELBO's gradient of the guide
    and may even undo it. The value is the ELBO.

    References:
        Hinton, Dayan, Frey & Neal 1995, Science 268.
    """

    needs = (OBSERVED, LOCAL, SCORABLE, DREAMS)
    scores_rows = False
    estimates = Estimates(L_1, Rule("sleep"))

    def surrogate(self, program: Program) -> Any:
        """log w of one draw per datum, (N,), summed over the data."""
        draws = program.draw(1, detach=True)
        elbo = program.stop(draws.log_w[0])  # (N,)
        learnt = draws.log_p[0] + program.dream()
        return program.total(elbo + gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """The ELBO of one draw."""
        return program.total(program.draw(1).log_w[0])
