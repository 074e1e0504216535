"""Score-function learning with a Taylor expansion as control variate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_number
from inference.objectives._objective import Objective, gradient_only, possible
from inference.objectives._score import through_draws
from inference.objectives.estimates import OF_ELBO
from inference.objectives.requirements import BERNOULLI_OR_ONE_HOT
from inference.program.program import Relaxation

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site


class MuProp(Objective):
    """The ELBO's gradient for discrete draws, less its expansion about the mean.

        grad = E[ (f(b) - h(b)) grad log q(b) ] + f'(m)' grad m,   h(b) = f(m) + f'(m)' (b - m)
        f = log p(x, .) - log q(. | x),   m = E_q[b]

    Unbiased: the mean of the control variate h is known. Log densities of values between discrete
    ones are extended linearly. In a guide with several discrete sites each has its own expansion,
    for which the sites drawn before it are held and those after it are drawn anew, relaxed at the
    temperature (with a single site it does not matter): 1 + S evaluations of the model for S such
    sites. Sites with a reparameterised draw keep their pathwise gradient.

    Args:
        num_particles: K, the number of draws that are averaged.
        temperature: of the relaxed draws of later sites.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Gu, Levine, Sutskever & Mnih 2016, arXiv:1511.05176 (where later sites are at their means).
    """

    needs = (BERNOULLI_OR_ONE_HOT,)
    estimates = OF_ELBO

    def __init__(self, num_particles: int = 1, *, temperature: float = 0.5) -> None:
        self.num_particles = check_count("num_particles", num_particles)
        self.temperature = check_number("temperature", temperature, positive=True)

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k and of each site's gradient by its logits, summed over the data."""
        draws = program.draw(self.num_particles)
        per_datum = through_draws(program, draws)  # (K, N)
        for site in program.structure.proposals:
            if site.name in draws.scored:
                per_datum = per_datum + self._site_term(program, draws, site)
        return program.total(per_datum.mean(0))

    def _site_term(self, program: Program, draws: Draws, site: Site) -> Any:
        """Zero in value; the gradient by the site's logits; (K, N)."""
        structure, ops = program.structure, program.ops
        order = [s.name for s in structure.proposals]
        held = {n: program.stop(draws.values[n]) for n in order[: order.index(site.name)]}
        logits = program.stop(draws.logits[site.name])
        binary = site.family == "bernoulli"
        mean = ops.sigmoid(logits) if binary else ops.exp(logits)
        on = ops.where(draws.values[site.name] > 0, 1.0, 0.0)
        relax = Relaxation(self.temperature)
        value, slope = (
            possible(program, each)
            for each in program.slope(mean, site.name, values=held, relax=relax)
        )
        expansion = value + structure.gather(slope * (on - mean))
        rest = possible(program, program.stop(draws.log_w) - expansion)
        # By normalised log-probabilities d m / d a is m times the identity; what normalises them
        # passes the gradient on.
        score, spread = (on - mean, mean * (1 - mean)) if binary else (on, mean)
        gradient = structure.spread(rest, site) * score + slope * spread
        learnt = draws.logits[site.name]
        learnt = ops.where(learnt == -math.inf, 0.0, learnt)  # of values that q never takes
        return gradient_only(program, structure.gather(gradient * learnt))
