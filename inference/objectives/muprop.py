"""Score-function learning with a Taylor expansion as control variate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_number
from inference.objectives._objective import gradient_only, possible
from inference.objectives._site_by_site import SiteBySite
from inference.program.program import Relaxation

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site


class MuProp(SiteBySite):
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

    def __init__(self, num_particles: int = 1, *, temperature: float = 0.5) -> None:
        self.num_particles = check_count("num_particles", num_particles)
        self.temperature = check_number("temperature", temperature, positive=True)

    def _site_term(self, program: Program, draws: Draws, site: Site, held: dict[str, Any]) -> Any:
        """Zero in value; the gradient by the site's logits; (K, N)."""
        structure, ops = program.structure, program.ops
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
        gradient = structure.spread(rest, site) * score + _of_the_mean(slope, spread)
        learnt = draws.logits[site.name]
        learnt = ops.where(learnt == -math.inf, 0.0, learnt)  # of values that q never takes
        return gradient_only(program, structure.gather(gradient * learnt))


def _of_the_mean(slope: Any, spread: Any) -> Any:
    """f'(m)' d m / d a: what the control variate has on average, given back."""
    return slope * spread
