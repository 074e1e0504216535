"""One law of the entries for all orders of drawing them, learnt at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.objectives._objective import Objective
from inference.objectives._sequential_checks import ANY_ORDER, NO_LATENTS
from inference.objectives.requirements import OBSERVED

if TYPE_CHECKING:
    from inference.program.program import Program


class OrderAgnostic(Objective):
    """A sequential model learns for all orders of its D entries, by one draw of order and place.

        D / (D - d + 1) sum_{i: o(i) >= d} log p(x_i | x_j : o(j) < d)

    for an order o and a place d in 1..D, both drawn uniformly for each datum. In expectation it is
    the mean over all D! orders of log p_o(x), by which a mean of the probabilities over any sample
    of orders is bounded from below. All entries from d on are given the same d - 1 others, so that
    one pass of the network is enough, where the likelihood in one order takes D. The value is that
    estimate: it is noisy, and no bound on log p(x) in the pair's own order. `bound`, in evaluation,
    is log p(x) of the pair.

    References:
        Uria, Murray & Larochelle 2014, arXiv:1310.1757 (EoNADE).
    """

    needs = (OBSERVED, NO_LATENTS, ANY_ORDER)
    unit = "nats per datum, mean over orders"

    def surrogate(self, program: Program) -> Any:
        """The mean over orders of the log-likelihood, estimated, summed over the data."""
        site, x = program.sequential(), program.data[0]
        held = _held(program, x)
        each = program.ops.where(held, 0.0, site.log_probs_given(x, held, x))
        each, left = each.reshape(len(x), -1), (~held).reshape(len(x), -1)
        entries = left.shape[1]
        weight = entries / left.sum(-1)  # D - d + 1 entries are left
        return (weight * each.sum(-1)).sum() * program.structure.scale

    def bound(self, program: Program) -> Any:
        """log p(x), summed over the data."""
        return program.total(program.draw(1).elbo[0])


def _held(program: Program, x: Any) -> Any:
    """Which entries are before the place, in the shape of x.

    One entry, drawn uniformly, is not, and of the others each is with a probability that is uniform
    itself: then their number is uniform on 0..D - 1, and every set of a size equally likely.
    """
    ops, rows = program.ops, program.ops.real(x).reshape(len(x), -1)
    entries = rows.shape[1]
    last = ops.floor(program.uniform(rows[:, :1]) * entries)
    before = program.uniform(rows) < program.uniform(rows[:, :1])
    return (before & (ops.arange(entries, rows) != last)).reshape(x.shape)
