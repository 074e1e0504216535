"""The states of a model's discrete latents, entry by entry, in arrays of no framework."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.distributions import innermost, support_of
from inference.program.sites import Site
from inference.program.structure import Structure

MOST_STATES = 256  # of one entry: each is a pass of the model


@dataclass(frozen=True)
class Entries:
    """A latent as entries that take one of finitely many states.

    Attributes:
        name: the site.
        local: whether there is one for each datum, so that all data's are moved at once.
        count: how many entries a datum has, or all data together where it is not local.
        numbers: which of them each position of the value belongs to; broadcasts over the value.
        states: (S, *unit) with unit `()`, or `(S,)` where a state is a row with a single one.
        spread: shape in which a state for each datum, (N, *unit), broadcasts over the value.
    """

    name: str
    local: bool
    count: int
    numbers: NDArray[np.int64]
    states: NDArray[Any]
    spread: tuple[int, ...]


def entries_of(structure: Structure, laws: Mapping[str, Any], what: str) -> list[Entries]:
    """The latents of a model as entries of finitely many states.

    Args:
        structure: sites and plates.
        laws: the latents' distributions.
        what: who asks, for errors.

    Raises:
        ObjectiveError: naming the first latent that has other values.
    """
    shared = structure.nested.shared_plates
    found = []
    for site in structure.latents:
        states = _states(site, laws[site.name], what)
        local = bool(shared) and site.plates >= set(shared)
        rows = {plate.dim: plate.size for plate in shared} if local else {}
        batch = len(site.batch_shape)
        unit = states.shape[1:]
        inner = site.event_shape[: len(site.event_shape) - len(unit)]
        own = [1 if dim - batch in rows else size for dim, size in enumerate(site.batch_shape)]
        shape = (*own, *inner)
        count = math.prod(shape)
        spread = tuple(rows.get(dim, 1) for dim in range(-batch, 0))
        found.append(
            Entries(
                name=site.name,
                local=local,
                count=count,
                numbers=np.arange(count).reshape((*shape, *(1 for _ in unit))),
                states=states,
                spread=(*spread, *(1 for _ in inner), *unit),
            )
        )
    return found


def statistics_of(energies: NDArray[Any], entries: list[Entries]) -> dict[str, NDArray[Any]]:
    """What ArviZ knows of a chain's steps; every move of Gibbs sampling is accepted.

    Args:
        energies: -log p(x, z) of the draws, (C, S).
        entries: the latents.
    """
    moves = sum(each.count for each in entries)
    return {
        "diverging": np.zeros(energies.shape, bool),
        "acceptance_rate": np.ones(energies.shape),
        "n_steps": np.full(energies.shape, moves),
        "energy": energies,
    }


def check_energies(energies: NDArray[Any]) -> None:
    """Check that chains have been where the joint density is positive.

    Args:
        energies: -log p(x, z) of the draws, (C, S).

    Raises:
        ObjectiveError: if it is not.
    """
    bad = np.asarray(~np.isfinite(energies).all(1))
    if bad.any():
        raise ObjectiveError(
            f"{int(bad.sum())} of {len(bad)} chains were at latents with joint density zero, from "
            "where no single entry's move leads to a positive one. Soften what the model makes "
            "impossible, or sum such latents out."
        )


def _states(site: Site, law: Any, what: str) -> NDArray[Any]:
    """The values that an entry of a site takes.

    Raises:
        ObjectiveError: if there are too many.
    """
    if site.family == "bernoulli" or site.support == "boolean":
        return np.array([0.0, 1.0])
    if site.family == "one-hot":
        return np.eye(site.cardinality)
    low, high = _bounds(law)
    if site.family == "categorical":
        low, high = 0, site.cardinality - 1
    if low is None or high is None:
        raise ObjectiveError(
            f"{what} draws an entry from its finitely many states, but those of latent "
            f"{site.name!r} (support {site.support or 'not known'}) are not finitely many, or not "
            "the same in all rows. Use NUTS() for real latents, or a guide."
        )
    if high - low >= MOST_STATES:
        raise ObjectiveError(
            f"{what} scores each state of an entry, and latent {site.name!r} has {high - low + 1} "
            f"where {MOST_STATES} are the most. Use a guide, with RWS() or VIMCO() for example."
        )
    return np.arange(low, high + 1)


def _bounds(law: Any) -> tuple[int | None, int | None]:
    """The first and the last whole number that a law gives mass to, the same in all rows."""
    support = support_of(innermost(law))
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    if not getattr(support, "is_discrete", False):
        return None, None
    found = []
    for name in ("lower_bound", "upper_bound"):
        value = np.asarray(getattr(support, name, np.nan), np.float64)
        known = np.isfinite(value).all() and (value == value.flat[0]).all()
        found.append(int(value.flat[0]) if known else None)
    return found[0], found[1]
