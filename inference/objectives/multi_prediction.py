"""Learning of machines by how well mean field predicts some entries of data from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_number
from inference.objectives._objective import Objective
from inference.objectives._pseudo import energy_sites
from inference.objectives.requirements import LOCAL, PREDICTS

if TYPE_CHECKING:
    from inference.program.program import Program


class MultiPrediction(Objective):
    """Multi-prediction training: mean field, unrolled, guesses the entries that are hidden from it.

        L = sum_{i in S} log q(x_i | x_rest),    each i in S with probability r

    with q the independent chances that so many sweeps of mean field give, which begin without any
    knowledge of the entries in S. The gradient goes through all sweeps, so that the machine learns
    to be used in this way: to complete data, and to classify. S is drawn anew for each datum in
    each step. No constant, no chain; L is no likelihood, nor a bound on one. Where q is exact, as
    without connections to hidden units, it is a pseudo-likelihood of blocks.

    Args:
        sweeps: of mean field.
        share: r, above 0 and at most 1, where everything is predicted from nothing.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Goodfellow, Mirza, Courville & Bengio 2013, arXiv:1301.3568.
    """

    needs = (PREDICTS, LOCAL)
    unit = "nats of prediction per datum"

    def __init__(self, sweeps: int = 10, share: float = 0.5) -> None:
        self.sweeps = check_count("sweeps", sweeps)
        self.share = check_number("share", share, most=1.0, positive=True)

    def surrogate(self, program: Program) -> Any:
        """L of each datum, (N,), summed."""
        draws = program.draw(1, detach=True)
        structure, ops = program.structure, program.ops
        (observed,) = (site.name for site in structure.observed if site.argument == 0)
        (name,) = (site.name for site in energy_sites(structure))
        x = ops.real(program.data[0])
        values = {observed: x}
        if name != observed:
            values[name] = ops.real(draws.values[name][0])
        held = ops.where(program.uniform(x) < self.share, 0.0, 1.0)
        logits = program.site(name, values).predict(x, held, self.sweeps)
        told = (1 - held) * (x * logits - ops.softplus(logits))
        return program.total(told.sum(-1))
