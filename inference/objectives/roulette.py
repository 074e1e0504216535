"""The evidence by a random number of draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from inference.arguments import check_count
from inference.errors import ArgumentError
from inference.objectives._objective import Objective, gradient_only, normalised_weights, weighed
from inference.objectives.estimates import Bound, Estimates, Rule
from inference.objectives.requirements import DRAWS, LOCAL, OBSERVED, SCORABLE, SCORED, WEIGHTS

if TYPE_CHECKING:
    from inference.program.program import Program

_SLOW = 80  # terms whose probability falls as one over their number
_KEPT = 0.9  # factor on the probability of each later one


class SUMO(Objective):
    """The evidence without the importance-weighted bound's bias, by Russian roulette.

        L_K + sum_k=1..T (L_K+k - L_K+k-1) / P(T >= k),   P(T >= k) = 1/k up to 80, then * 0.9

    where L_k is the bound of `IWAE(k)` of the first k draws and T is drawn for each step, one for
    the minibatch. Unbiased for L_M at M = `most_particles`, which is below log p(x) by about
    s^2 / 2M, s^2 = Var(w) / p(x)^2; a term beyond the 200th would have a probability of less than
    1e-7, which no single-precision draw meets. A step makes T more draws, rounded up to a power of
    four: 11 on average at M = 200. The variance is what it costs: it grows as s^2 log M, where that
    of L_K falls.

    The model follows the gradient of this. The guide, on whose parameters the evidence does not
    depend, learns from the first K draws as under `RWS(K)`; Luo et al. have it descend the variance
    instead, whose minimum is the same. No gradient goes through a draw: latents of any kind will
    do. In evaluation the value is the bound of `IWAE(K)`.

    Args:
        num_particles: K, the draws that are always made.
        most_particles: M, larger than K.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Luo, Beatson, Norouzi, Zhu, Duvenaud, Adams & Chen 2020, arXiv:2004.00353.
    """

    needs = (OBSERVED, DRAWS, LOCAL, WEIGHTS, SCORABLE, SCORED)
    estimates = Estimates(Bound(("most_particles",)), Rule("wake"))
    usual: ClassVar = {"num_particles": 5}
    certified: ClassVar = {"": {"most_particles": 24}}

    def __init__(self, num_particles: int, most_particles: int = 200) -> None:
        self.num_particles = check_count("num_particles", num_particles)
        self.most_particles = check_count("most_particles", most_particles)
        if most_particles <= num_particles:
            raise ArgumentError(
                f"most_particles must be larger than num_particles, which are drawn always; got "
                f"{most_particles} and {num_particles}."
            )

    def surrogate(self, program: Program) -> Any:
        """The telescoping sum, (N,), summed over the data."""
        first = program.draw(self.num_particles, detach=True)
        weights = normalised_weights(program, first.log_w)
        taught = gradient_only(program, weighed(program, weights, first.log_q).sum(0))
        chances = _chances(self.most_particles - self.num_particles)
        u = program.uniform(program.ops.array(np.zeros(1, dtype=np.float32)))
        chance = program.ops.array(chances.astype(np.float32))
        terms = program.ops.where(u <= chance, 1, 0).sum()  # T
        sizes = _sizes(len(chances))
        number = sum(program.ops.where(terms > size, 1, 0) for size in sizes[:-1])
        # The first draw is taken as it is: what model and guide compute anew has its own gradient.
        start = first.log_p - program.stop(first.log_q)

        def drawn(size: int) -> Any:
            more = program.draw(size, detach=True)
            log_w = program.ops.concatenate(
                [start.T, (more.log_p - program.stop(more.log_q)).T]
            ).T  # (K + size, N)
            share = _share(program.ops, u, chance[:size])  # (size,)
            bounds = self._bounds(program, log_w, size)  # (1 + size, N)
            steps = program.ops.where(bounds[:-1] == -math.inf, 0.0, bounds[1:] - bounds[:-1])
            return bounds[0] + (share[:, None] * steps).sum(0)

        branches = [lambda size=size: drawn(size) for size in sizes]
        return program.total(program.choose(number, branches) + taught)

    def bound(self, program: Program) -> Any:
        """The bound of `IWAE(K)`."""
        return program.total(program.logmeanexp(program.draw(self.num_particles).log_w))

    def _bounds(self, program: Program, log_w: Any, size: int) -> Any:
        """L_K, L_K+1, ... of the first so many draws, (1 + size, N)."""
        ops, count = program.ops, len(log_w)
        place = ops.arange(count, log_w)
        last = ops.arange(size + 1, log_w) + self.num_particles
        among = place[:, None] < last[None, :]  # (K + size, 1 + size)
        masked = ops.where(among[..., None], log_w[:, None], -math.inf)
        counts = np.log(count) - np.log(np.arange(size + 1) + self.num_particles)
        return program.logmeanexp(masked) + ops.array(counts.astype(np.float32))[:, None]


def _chances(most: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(T >= k) of k = 1 ... most."""
    number = np.arange(1, most + 1)
    later = _KEPT ** np.maximum(number - _SLOW, 0)
    return later / np.minimum(number, _SLOW)


def _share(ops: Any, u: Any, chance: Any) -> Any:
    """What a term counts: 1 / P(T >= k) where T >= k, nothing where not."""
    return ops.where(u <= chance, 1 / chance, 0.0)


def _sizes(most: int) -> list[int]:
    """How many draws a step makes beyond the first: powers of four, so that few programs do."""
    sizes = [4**power for power in range(1, most.bit_length()) if 4**power < most]
    return [*sizes, most]
