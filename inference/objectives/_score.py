"""The gradient of a bound that is a sum of costs, for draws with and without a pathwise gradient.

    grad E_q[sum of costs] = E_q[ grad of the costs through the draws
                                  + sum_s (costs downstream of z_s) grad log q(z_s) ]

over the draws z_s that have no gradient of their own.

The score of a draw is that of its log q as such: scales and masks belong to the costs. Of the
costs each score sees those that its draw can change, entry by entry in the plates that they share.
Its own log p(z_s) - log q(z_s) is among these at the value drawn, where KL(q || p) is known, too:
with the other costs it is nearly constant where the guide is good, so that its noise is less than
that of the others alone. The divergence takes its place for the model's parameters, and for the
scores of draws before.
A draw that the model cannot have made costs infinitely much: the bound says so, and its score is
left out, since no gradient has the size for it.

References:
    Ranganath, Gerrish & Blei 2014, arXiv:1401.0118; Schulman et al. 2015, arXiv:1506.05254.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inference.objectives._objective import gradient_only, possible
from inference.program.influence import Cost, downstream

if TYPE_CHECKING:
    from inference.program.draws import Cells, Draws
    from inference.program.program import Program

Weights = Mapping[str, Any]


def through_draws(program: Program, draws: Draws, weights: Weights | None = None) -> Any:
    """log w with its gradient through the draws alone, (K, N).

    log q of a draw without a pathwise gradient is held: its own gradient is zero on average.

    Args:
        program: the program.
        draws: draws and their log densities.
        weights: factors on the divergences of latents, by site; one where there is none.
    """
    total: Any = 0.0
    for cost in _costs(draws, draws, weights or {}):
        held = cost.side == "guide" and cost.site in draws.scored
        total = total + (program.stop(cost.value) if held else cost.value)
    return total


def score_terms(
    program: Program,
    draws: Draws,
    weights: Weights | None = None,
    *,
    control: Callable[[str, Any], Any] = lambda name, signal: signal,
) -> Any:
    """The gradient by the scores of all draws without a pathwise one, zero in value; (K, N).

    Args:
        program: the program.
        draws: draws and their log densities.
        weights: factors on the divergences of latents, by site; one where there is none.
        control: from a site and its signal, (K, *batch), to the signal less a control variate that
            does not depend on the draw.
    """
    if draws.cells is None:
        return 0.0
    costs = [
        Cost(cost.side, cost.site, program.stop(cost.value))
        for cost in _costs(draws.cells, draws, weights or {})
    ]
    total: Any = 0.0
    for name, log_q in draws.cells.scores.items():
        own = _own_costs(draws, name, weights or {})
        seen = [*costs, *(Cost(o.side, o.site, program.stop(o.value)) for o in own)]
        signal = control(name, possible(program, downstream(program.structure, seen, name)))
        term = program.stop(signal) * gradient_only(program, log_q)
        total = total + program.structure.gather(term)
    return total


def _own_costs(draws: Draws, name: str, weights: Weights) -> Iterator[Cost]:
    """What a site's own value costs, entry by entry, where its divergence is among the costs."""
    if draws.cells is not None and name in draws.divergences:
        weight = weights.get(name)
        yield Cost("model", name, _times(weight, draws.cells.log_p_sites[name]))
        yield Cost("guide", name, -_times(weight, draws.cells.log_q_sites[name]))


def _costs(source: Draws | Cells, draws: Draws, weights: Weights) -> Iterator[Cost]:
    """What each site adds to the bound, per datum or entry by entry."""
    known = draws.divergences
    log_p, log_q = source.log_p_sites, source.log_q_sites
    for name in (n for n in log_p if n not in known):
        yield Cost("model", name, _times(weights.get(name), log_p[name]))
    for name in (n for n in log_q if n not in known):
        yield Cost("guide", name, -_times(weights.get(name), log_q[name]))
    for name in known:
        yield Cost("divergence", name, -_times(weights.get(name), source.divergences[name]))


def _times(weight: Any, value: Any) -> Any:
    return value if weight is None else weight * value
