"""The ELBO's gradient for discrete draws, one site of the guide at a time."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from inference.objectives._objective import Objective
from inference.objectives._score import through_draws
from inference.objectives.estimates import OF_ELBO
from inference.objectives.requirements import BERNOULLI_OR_ONE_HOT, ENTRIES_APART

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site


class SiteBySite(Objective):
    """log w of K draws, and for each discrete site a term that brings its logits' gradient.

    For a site's term the sites drawn before it are held and those after it are drawn anew: 1 + S
    evaluations of the model for S discrete sites. Sites with a reparameterised draw keep their
    pathwise gradient.
    """

    needs = (BERNOULLI_OR_ONE_HOT, ENTRIES_APART)
    estimates = OF_ELBO
    num_particles: int

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k and of each site's gradient by its logits, summed over the data."""
        draws = program.draw(self.num_particles)
        per_datum = through_draws(program, draws)  # (K, N)
        order = [site.name for site in program.structure.proposals]
        for place, site in enumerate(program.structure.proposals):
            if site.name in draws.scored:
                held = {name: program.stop(draws.values[name]) for name in order[:place]}
                per_datum = per_datum + self._site_term(program, draws, site, held)
        return program.total(per_datum.mean(0))

    @abstractmethod
    def _site_term(self, program: Program, draws: Draws, site: Site, held: dict[str, Any]) -> Any:
        """Zero in value; the gradient by the site's logits; (K, N)."""
