"""The two sides of the ELBO: how well data are reconstructed, and what the latents cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count
from inference.likelihood.conditions import points_of_density
from inference.likelihood.spread import over_draws
from inference.pairs import draws_nothing, explaining
from inference.posterior.chunks import chunked, looked_at, understood
from inference.posterior.estimates import SampledEstimate, from_data
from inference.program.draws import Draws


@dataclass(frozen=True)
class BoundParts:
    """The ELBO and its parts, in nats per datum.

    Attributes:
        elbo: reconstruction minus the sum of `kl`.
        reconstruction: E_q[log p(x | z)].
        kl: E_q[log q(z | ...) - log p(z | ...)] by latent; what an auxiliary draw of the guide's
            costs is E_q[log q].
        closed_form: the latents whose divergence was not sampled, but for what it depends on.
        points: the latents with a density of which the guide is certain, as `AutoDelta` is. What
            they cost is -log p(z | ...), which is no divergence, and `elbo` is log p(x, z) at
            them, which is no bound: it grows with the unit in which z is measured.
    """

    elbo: SampledEstimate
    reconstruction: SampledEstimate
    kl: Mapping[str, SampledEstimate]
    closed_form: frozenset[str]
    points: frozenset[str] = frozenset()

    def __str__(self) -> str:
        costs = "".join(
            f" - {'cost' if name in self.points else 'KL'}[{name}] {part.mean:.3f}"
            for name, part in self.kl.items()
        )
        what, certain = "ELBO", ", ".join(sorted(self.points))
        if self.points:
            what = "log p(x, z)"
            costs += f" (no bound on log p(x): the guide has one value of {certain})"
        return f"{what} {self.elbo.mean:.3f} = {self.reconstruction.mean:.3f}{costs} nats per datum"


def bound_parts(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    num_particles: int = 100,
    seed: int = 0,
    chunk_size: int = 10_000,
    engine: str | None = None,
) -> BoundParts:
    """Reconstruction and divergence apart (Kingma & Welling 2014, arXiv:1312.6114).

        ELBO = E_q[log p(x | z)] - sum_s KL_s,
        KL_s = E_q[log q(z_s | before, x) - log p(z_s | parents)]

    A latent's divergence is taken in closed form where there is a valid one, and otherwise averaged
    over K draws. In a hierarchy the closed form depends on the latents drawn before, over which
    it is averaged. A model without latents has the exact log-likelihood as its reconstruction and
    no errors, and each `method` is `"exact"`.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        num_particles: K, at least 2.
        seed: seed of the draws.
        chunk_size: largest number of particles times data to be decoded at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        The parts, per datum and averaged, with errors.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the data.
        DivergenceError: if a density is not a number.
        ObjectiveError: if the pair has no bound per datum.
    """
    num_particles = check_count("num_particles", num_particles, least=2)
    chunk_size = check_count("chunk_size", chunk_size)
    backend, pair, arrays = understood(pair, x, seed=seed, engine=engine)
    head, check, structure = looked_at(backend, pair, arrays, "bound_parts")
    exact = draws_nothing(structure)
    if exact:
        num_particles = 1
    counted = {site.name for site in structure.observed} - structure.training_only
    densities = explaining(
        lambda rows: backend.site_densities(pair, check, rows, int(seed), divergences=True), head
    )
    found: list[dict[Any, Any]] = []
    known: frozenset[str] = frozenset()
    for _, draws in chunked(arrays, num_particles, chunk_size, densities, head):
        reconstruction = np.asarray(sum(draws.log_p_sites[name] for name in sorted(counted)))
        kl = divergences(draws, [site.name for site in structure.proposals])
        known = frozenset(draws.divergences)
        parts = {"elbo": reconstruction - sum(kl.values()), "reconstruction": reconstruction}
        found.append({**parts, **{("kl", name): value for name, value in kl.items()}})
    method = "exact" if exact else f"K={num_particles}"
    joined = {
        key: from_data(
            np.concatenate([part[key].mean(0) for part in found]),
            np.concatenate([_error(part[key]) for part in found]),
            method,
        )
        for key in found[0]
    }
    elbo, reconstruction = joined.pop("elbo"), joined.pop("reconstruction")
    kl = {key[1]: part for key, part in joined.items()}
    return BoundParts(elbo, reconstruction, kl, known, frozenset(points_of_density(structure)))


def _error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over K draws, (N,); none where one says it all."""
    if len(values) == 1:
        return np.zeros(values.shape[1])
    return over_draws(values)


def divergences(draws: Draws, names: list[str]) -> dict[str, Any]:
    """log q - log p of each draw by latent, (K, N), or the closed form of its mean."""
    return {
        name: draws.divergences[name]
        if name in draws.divergences
        else draws.log_q_sites[name] - draws.log_p_sites.get(name, 0.0)
        for name in names
    }
