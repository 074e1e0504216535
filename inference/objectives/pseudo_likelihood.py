"""Learning of densities that are known up to a constant from each entry given all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.arguments import check_count
from inference.objectives._objective import Objective
from inference.objectives._pseudo import log_chances
from inference.objectives.requirements import CONDITIONALS, ENERGY

if TYPE_CHECKING:
    from inference.program.program import Program


class PseudoLikelihood(Objective):
    """The pseudo-likelihood: the log density of each entry of a datum given all others.

        L = sum_i log p(x_i | x_-i)

    in which the constant cancels. Consistent, and exact to compute: of binary entries from f at
    the datum and with one entry flipped, or as the distribution's `log_conditionals` says.

    The value is L; it is no log-likelihood, nor a bound on one.

    Args:
        sites: n entries of each datum, drawn at random in each step and weighed by D / n; None for
            all D. Validation takes all.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Besag 1975, The Statistician 24; Hyvarinen 2006, Neural Computation 18.
    """

    needs = (ENERGY, CONDITIONALS)
    unit = "nats of pseudo-likelihood per datum"

    def __init__(self, sites: int | None = None) -> None:
        self.sites = None if sites is None else check_count("sites", sites)

    def surrogate(self, program: Program) -> Any:
        """L of each datum, (N,), summed."""
        return self._chances(program, every=self.sites is None)

    def bound(self, program: Program) -> Any:
        """L of all entries."""
        return self._chances(program, every=True)

    def _chances(self, program: Program, *, every: bool) -> Any:
        draws = program.draw(1)  # with it comes what scales a datum
        (name,) = (site.name for site in program.structure.observed if site.argument == 0)
        found = log_chances(program, name, draws, every=every, columns=self.sites or 1)
        return program.total(found)
