"""Whether the guide's draws can stand for the posterior: Pareto-smoothed importance weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count
from inference.errors import DivergenceError
from inference.likelihood.conditions import check_points, check_spread
from inference.pairs import explaining
from inference.posterior.chunks import chunked, looked_at, understood
from inference.posterior.psis import pareto_shapes

_ULP = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ParetoShapes:
    """The Pareto shape k of each datum's importance weights.

    Attributes:
        per_datum: k, (N,). Minus infinity where the largest weights are equal, as they are at the
            exact posterior; infinity where too few draws were in the tail.
        num_particles: K, from how many weights.
    """

    per_datum: NDArray[np.float64] = field(repr=False)
    num_particles: int

    @property
    def threshold(self) -> float:
        """Above it, estimates from so many draws are not to be trusted: min(1 - 1/log10 K, .7)."""
        return min(1 - 1 / math.log10(self.num_particles), 0.7)

    @property
    def bad(self) -> NDArray[np.intp]:
        """The rows above the threshold, the worst first."""
        above = np.flatnonzero(self.per_datum > self.threshold)
        return above[np.argsort(-self.per_datum[above], kind="stable")]

    @property
    def fractions(self) -> dict[str, float]:
        """Shares of the data: `"good"` (k <= .5), `"fair"` (.5 to .7), `"bad"` (above .7)."""
        k = self.per_datum
        return {
            "good": float((k <= 0.5).mean()),
            "fair": float(((k > 0.5) & (k <= 0.7)).mean()),
            "bad": float((k > 0.7).mean()),
        }

    def __str__(self) -> str:
        return (
            f"k-hat: {len(self.bad)} of {len(self.per_datum)} data above {self.threshold:.2f}, "
            f"median {np.median(self.per_datum):.2f}, largest {self.per_datum.max():.2f} "
            f"(PSIS, K={self.num_particles})"
        )


def psis_k_hat(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    num_particles: int = 1000,
    *,
    seed: int = 0,
    chunk_size: int = 10_000,
    engine: str | None = None,
) -> ParetoShapes:
    """How heavy the tail of each datum's importance weights is.

    The largest of K weights

        w_k = p(x, z_k) / q(z_k | x),   z_k ~ q(z | x),

    follow a generalised Pareto distribution, of which fewer than 1 / k moments are finite (Vehtari,
    Simpson, Gelman, Yao & Gabry 2024, arXiv:1507.02646; Yao et al. 2018, arXiv:1802.02538, who
    judge guides by it). Below .5 the weights have a variance; to about .7 smoothed estimates from
    so many draws still converge; above, the guide misses part of the posterior, and no number of
    draws that is within reach makes up for it. With fewer than about 2,000 draws the limit is
    lower: see `ParetoShapes.threshold`.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        num_particles: K, at least 100.
        seed: seed of the draws.
        chunk_size: largest number of particles times data to be decoded at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        k per datum, and which data are bad.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the data.
        DivergenceError: if weights are not finite.
        ObjectiveError: if the pair has no weights per datum.
    """
    num_particles = check_count("num_particles", num_particles, least=100)
    chunk_size = check_count("chunk_size", chunk_size)
    backend, pair, arrays = understood(pair, x, seed=seed, engine=engine)
    head, check, structure = looked_at(backend, pair, arrays, "psis_k_hat")
    check_spread(structure, "psis_k_hat", num_particles)
    check_points(structure, "psis_k_hat")
    densities = explaining(lambda rows: backend.site_densities(pair, check, rows, int(seed)), head)
    shapes = []
    for _, draws in chunked(arrays, num_particles, chunk_size, densities, head):
        log_w = draws.likelihood_weight(structure.training_only).T  # (n, K)
        if np.isposinf(log_w).any() or np.isneginf(log_w).all(1).any():
            raise DivergenceError(
                "the importance weights of some data are all zero, or one is infinite: the guide "
                "draws where the model's density is zero, or the other way round. Check that both "
                "have the same support."
            )
        sites = (*draws.log_p_sites.values(), *draws.log_q_sites.values())
        size = sum(np.abs(np.where(np.isfinite(site), site, 0)).max(0) for site in sites)
        shapes.append(pareto_shapes(log_w, 16 * _ULP * np.asarray(size)))
    return ParetoShapes(np.concatenate(shapes), num_particles)
