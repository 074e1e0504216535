"""Learning from draws without a gradient: the score of a draw, weighed by what it costs.

    grad E f(g_1 .. g_n) = E sum_i (f_i - b_i) grad log p(g_i)

over draws g_i of the model, where f_i are the terms of f that g_i is in, and the baseline b_i is a
mean over the other draws of what they cost without g_i, so that the estimate stays unbiased
(Williams 1992, Machine Learning 8; Salimans & Knowles 2014). The weights f_i - b_i sum to zero
exactly, where each f_i is of g_i alone, as a critic's score, and in MMD^2, where each pair of draws
is left out of as many baselines as there are other draws: what all log p(g_i) have in common, as an
energy's normalising constant, is then no part of the estimate (Welling, Zemel & Hinton 2002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.errors import ObjectiveError

if TYPE_CHECKING:
    from inference.objectives.losses import AdversarialLoss
    from inference.program.program import Generated, Program


def check_one_constant(program: Program, made: Generated) -> None:
    """Refuse draws whose densities are known up to constants of their own.

    Raises:
        ObjectiveError: if the constant may depend on what the model is given besides x.
    """
    known = all(site.normalised for site in program.structure.model.values())
    if made.log_p is not None and made.given and not known:
        raise ObjectiveError(
            "draw='score' of a density that is known up to a constant needs that of all draws to "
            "be the same, but the model is given an array besides x, on which it may depend. "
            "CD() learns by such draws."
        )


def of_scores(program: Program, loss: AdversarialLoss, scores: Any, log_p: Any) -> Any:
    """The generator's mean loss, or a term with its gradient by the scores of its draws.

    Args:
        program: the program.
        loss: whose generator's loss is a mean over draws.
        scores: the critic's of each draw, (N,).
        log_p: log probability of each draw, (N,); None where a gradient goes through the draws.
    """
    if log_p is None:
        return loss.generator(scores, program.ops)
    count = _enough(len(scores), 2)
    scores = program.stop(scores)
    parts = [loss.generator(scores[i : i + 1], program.ops).reshape(1) for i in range(count)]
    each = program.ops.concatenate(parts)
    others = (each.sum() - each) / (count - 1)
    return ((each - others) * log_p).mean()


def of_mmd(program: Program, among: Any, across: Any, log_p: Any, *, unbiased: bool) -> Any:
    """A term whose gradient is that of E MMD^2 by the scores of the model's draws.

    Args:
        program: the program.
        among: kernel of each two draws, (n, n).
        across: kernel of each draw and datum, (n, m).
        log_p: log probability of each draw, (n,).
        unbiased: whether MMD^2 divides by n (n - 1), or by n^2.
    """
    count = _enough(len(among), 3)
    among, across = program.stop(among), program.stop(across)
    among = among - program.ops.where(_eye(program, among), among, 0.0)
    pairs = count * (count - 1) if unbiased else count**2
    own = among.sum(1)
    to_data = 2 * across.mean(1) / count
    cost = 2 * own / pairs - to_data
    # What the others cost where draw i is left out, (i, j): sums over one draw fewer, scaled up.
    left = (own[None, :] - among) * (count - 1) / (count - 2)
    without = 2 * left / pairs - to_data[None, :]
    without = without - program.ops.where(_eye(program, among), without, 0.0)
    baseline = without.sum(1) / (count - 1)
    return ((cost - baseline) * log_p).sum()


def _eye(program: Program, square: Any) -> Any:
    ones = square[0] * 0 + 1.0
    return program.diagonal(ones[:, None])[..., 0] > 0


def _enough(count: int, least: int) -> int:
    if count < least:
        raise ObjectiveError(
            f"draw='score' compares a draw with what others cost and needs {least} draws or more, "
            f"got {count}; use a larger batch_size."
        )
    return count
