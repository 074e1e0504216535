"""Score-function learning from pairs of draws whose noise is u and 1 - u.

A one-hot draw is taken as the bits of breaking a stick: entry i is chosen, given that none before
it was, with probability p_i. The bits are Bernoulli draws, independent of each other.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count
from inference.objectives._objective import gradient_only, possible
from inference.objectives._site_by_site import SiteBySite

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site


@dataclass(frozen=True)
class _Bits:
    """Bits of a draw and of its antithetic one, shaped as the value; without a gradient.

    Attributes:
        noise: u, uniform; a bit is u < p.
        on: the draw's bits, as far as it reaches.
        other: those of the antithetic draw, 1 - u < p.
        reached: 1 for bits that the draw depends on: none before them is on.
        other_reached: the same of the antithetic draw.
        p: probability of each.
    """

    noise: Any
    on: Any
    other: Any
    reached: Any
    other_reached: Any
    p: Any


class Antithetic(SiteBySite):
    """The ELBO's gradient from pairs of draws; how the two are weighed is the subclass's.

    In a guide with several sites each is paired while the sites drawn before it are held and those
    after it are drawn anew: 1 + S evaluations of the model for S discrete sites. Sites with a
    reparameterised draw keep their pathwise gradient.
    """

    def __init__(self, num_particles: int = 1) -> None:
        self.num_particles = check_count("num_particles", num_particles)

    @abstractmethod
    def _weights(self, bits: _Bits, ops: Any) -> Any:
        """What f(b) - f(b') is multiplied with, by bit."""

    def _site_term(self, program: Program, draws: Draws, site: Site, held: dict[str, Any]) -> Any:
        """Zero in value; the gradient by the site's logits; (K, N)."""
        structure = program.structure
        logits = program.stop(draws.logits[site.name])
        one_hot = site.family == "one-hot"
        bits = _bits(program, draws.values[site.name], logits, one_hot=one_hot)
        antithetic = bits.other * bits.other_reached
        other = program.draw(self.num_particles, values={**held, site.name: antithetic})
        apart = possible(program, program.stop(draws.log_w - other.log_w))
        gradient = structure.spread(apart, site) * self._weights(bits, program.ops)
        learnt = draws.logits[site.name]
        if one_hot:
            gradient = _by_logits(gradient, logits, program.ops)
            learnt = program.ops.where(learnt == -math.inf, 0.0, learnt)  # never taken
        return gradient_only(program, structure.gather(gradient * learnt))


class ARM(Antithetic):
    """The ELBO's gradient for discrete draws, by augment, reinforce and merge.

        d/da_i = E[ (f(b) - f(b')) (1/2 - u_i) ],   b = 1[u < sigmoid(a)],
        b' = 1[1 - u < sigmoid(a)]

    with logits a and uniform noise u. Unbiased, and without anything to tune. One-hot draws are
    taken as the bits of breaking a stick. In a guide with several sites each is paired while the
    sites drawn before it are held and those after it are drawn anew: 1 + S evaluations of the model
    for S discrete sites. Sites with a reparameterised draw keep their pathwise gradient. `DisARM`
    has the same mean and less noise.

    Args:
        num_particles: K, the number of pairs that are averaged.

    Raises:
        ArgumentError: if `num_particles` is not a positive whole number.

    References:
        Yin & Zhou 2019, arXiv:1807.11143.
    """

    def _weights(self, bits: _Bits, ops: Any) -> Any:
        return 0.5 - bits.noise


class DisARM(Antithetic):
    """The ELBO's gradient for discrete draws, from antithetic pairs.

        d/da_i = E[ 1/2 (f(b) - f(b')) (b_i - b'_i) sigmoid(|a_i|) ],   b = 1[u < sigmoid(a)],
        b' = 1[1 - u < sigmoid(a)]

    with logits a: the estimator of `ARM` with the noise u integrated out given b and b'. Unbiased,
    and without anything to tune. A one-hot draw is taken as the bits of breaking a stick; what
    remains of those that only one of b and b' reaches is integrated out as well:

        d/da_i = E[ 1/2 (f(b) - f(b')) (b_i - p_i) ]  where b alone reaches bit i,

    and with p_i - b'_i where b' alone does. In a guide with several sites each is paired while the
    sites drawn before it are held and those after it are drawn anew: 1 + S evaluations of the model
    for S discrete sites. Sites with a reparameterised draw keep their pathwise gradient.

    Args:
        num_particles: K, the number of pairs that are averaged.

    Raises:
        ArgumentError: if `num_particles` is not a positive whole number.

    References:
        Dong, Mnih & Tucker 2020, arXiv:2006.10680; for categories Dong, Mnih & Tucker 2021,
        arXiv:2106.08056.
    """

    def _weights(self, bits: _Bits, ops: Any) -> Any:
        likelier = ops.where(bits.p > 0.5, bits.p, 1 - bits.p)  # sigmoid(|a|)
        both = bits.reached * bits.other_reached * (bits.on - bits.other) * likelier
        first = bits.reached * (1 - bits.other_reached) * (bits.on - bits.p)
        second = (1 - bits.reached) * bits.other_reached * (bits.p - bits.other)
        return 0.5 * (both + first + second)


def _bits(program: Program, value: Any, logits: Any, *, one_hot: bool) -> _Bits:
    """The bits of a draw with its noise, and of its antithetic draw."""
    where, v = program.ops.where, program.uniform(logits)
    on = where(value > 0, 1.0, 0.0) + 0 * v
    everywhere = 0 * v + 1
    if one_hot:
        mass = program.ops.exp(logits)
        left = mass + _sum(mass, program.ops, later=True)
        p = where(left > 0, mass / where(left > 0, left, 1.0), 1.0)
        reached = 1 - _sum(on, program.ops, later=False)
    else:
        p, reached = program.ops.sigmoid(logits), everywhere
    # The noise given b is uniform on [0, p) where b = 1, on [p, 1) where b = 0.
    known = where(on > 0, v * p, p + v * (1 - p))
    noise = where(reached > 0, known, v)
    other = where(1 - noise < p, everywhere, 0.0)
    other_reached = everywhere
    if one_hot:
        other_reached = where(_sum(other, program.ops, later=False) > 0, 0.0, everywhere)
    return _Bits(noise, on, other, reached, other_reached, p)


def _by_logits(gradient: Any, logits: Any, ops: Any) -> Any:
    """A gradient by the logits of the bits, a_i = l_i - log sum_j>i exp(l_j), as one by l."""
    mass = ops.exp(logits)
    left = _sum(mass, ops, later=True)
    gradient = ops.where(left > 0, gradient, 0.0)  # the last bit is certain
    return gradient - mass * _sum(gradient / ops.where(left > 0, left, 1.0), ops, later=False)


def _sum(values: Any, ops: Any, *, later: bool) -> Any:
    """The sum over the entries that come later, or earlier, on the last axis."""
    place = ops.arange(values.shape[-1], values)
    far, near = place[:, None], place[None, :]
    counted = far > near if later else far < near  # (summed over, of)
    return ops.where(counted, values[..., :, None], 0.0).sum(-2)
