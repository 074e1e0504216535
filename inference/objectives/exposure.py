"""What a sequential model sees in training: the data before an entry, or its own draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_flag, check_number
from inference.objectives._objective import Objective
from inference.objectives._sequential_checks import ENTRY_BY_ENTRY, NO_LATENTS
from inference.objectives._warm_up import warmed_up
from inference.objectives.requirements import OBSERVED

if TYPE_CHECKING:
    from inference.program.program import Program


class ScheduledSampling(Objective):
    """A sequential model sees its own draws, in part, where the likelihood sees the data.

        sum_i log p(x_i | v_1 .. v_{i-1}),   v_i ~ p(. | v_1 .. v_{i-1}) with the probability e,
                                             v_i = x_i otherwise; no gradient goes to v

    e rises linearly from 0 to `probability`, and entries of one rank, such as the keys of a step,
    are taken together. It is biased: no likelihood has this optimum (Huszar 2015). With e = 1 and
    two entries x_2 is predicted from a draw that has nothing to do with it, so that the optimum is
    p(x_1) p(x_2), at a loss of H(x_1) + H(x_2), and not the joint law, whose loss is H(x_1, x_2).
    The value is the term above, on own inputs, and no bound on log p(x); `bound`, in evaluation,
    is log p(x).

    Args:
        probability: e after the warm-up.
        warmup_steps: steps over which it rises. The objective counts the steps, so it has state of
            its own: see `Objective.attach`.
        parallel: whether v_i is drawn given the data before it, v_i ~ p(. | x_1 .. x_{i-1}), which
            takes one pass for all entries in place of one after another.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Bengio, Vinyals, Jaitly & Shazeer 2015, arXiv:1506.03099; Huszar 2015, arXiv:1511.05101
        (its bias).
    """

    needs = (OBSERVED, NO_LATENTS, ENTRY_BY_ENTRY)
    unit = "nats per datum, own inputs"

    def __init__(
        self, probability: float = 0.25, warmup_steps: int = 0, *, parallel: bool = False
    ) -> None:
        self.probability = check_number("probability", probability, least=0, most=1)
        self.warmup_steps = check_count("warmup_steps", warmup_steps, least=0)
        self.parallel = check_flag("parallel", parallel)
        self.owns = warmup_steps > 0

    def surrogate(self, program: Program) -> Any:
        """The log-likelihood of the data given own inputs, summed over the data."""
        site, x = program.sequential(), program.data[0]
        own = self._own(program, site, x)
        if self.parallel:
            inputs = program.ops.where(own, site.draw_given(x), x)
        else:
            inputs = site.complete(x, ~own)
        return site.log_prob(inputs, x).sum() * program.structure.scale

    def bound(self, program: Program) -> Any:
        """log p(x), summed over the data."""
        return program.total(program.draw(1).elbo[0])

    def _own(self, program: Program, site: Any, x: Any) -> Any:
        """Which entries are replaced by own draws; those of one rank are, or are not, together."""
        probability = warmed_up(program, self.probability, self.warmup_steps)
        real = program.ops.real(x)
        return program.uniform(real.reshape(len(x), -1))[:, site.ranks] < probability
