"""What posterior draws say about the data, in arrays of no framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.structure import Structure

FOLLOWS = (
    "the model works out their law from the data themselves, as of entries given those before; "
    "write model(x=None, *, size=1) that draws `size` rows where x is None, each entry given what "
    "was drawn"
)
"""Why draws replicate nothing, and what to do, as the end of a sentence."""


@dataclass(frozen=True)
class GuideDraws:
    """S draws of every latent from the guide.

    Attributes:
        latents: the model's latents by site, each (S, *batch, *event).
        log_q: log q(z | x) in nats for each cell of the plates that all sites share, (S, N); (S, 1)
            where a latent lies outside of the data's plate.
    """

    latents: Mapping[str, NDArray[Any]]
    log_q: NDArray[Any]


@dataclass(frozen=True)
class ScoredDraws:
    """What the model says about the data at S given values of its latents.

    Attributes:
        log_likelihood: log p(x | z) in nats by observed site, each (S, *batch). Masks count, but
            the scale of a handler or a plate does not.
        predictive: data drawn from the model at those latents by observed site, each
            (S, *batch, *event).
        observed: the data by observed site, each (*batch, *event).
        computed: what the model computed at those latents in its `deterministic` statements, by
            name, each (S, *shape).
        log_p: log p(x, z) in nats, shaped as `GuideDraws.log_q`; scales count.
        following: the observed sites whose draws, `predictive`, are made given the data that they
            would replicate: see `following_their_data`.
    """

    log_likelihood: Mapping[str, NDArray[Any]]
    predictive: Mapping[str, NDArray[Any]]
    observed: Mapping[str, NDArray[Any]]
    computed: Mapping[str, NDArray[Any]]
    log_p: NDArray[Any]
    following: frozenset[str] = frozenset()


def check_whole(structure: Structure, what: str) -> None:
    """Check that no plate takes a part of its rows, which would be others in each draw.

    Raises:
        ObjectiveError: naming the plate.
    """
    for site in (*structure.model.values(), *structure.guide.values()):
        for plate in site.plates:
            if plate.size != plate.full_size:
                raise ObjectiveError(
                    f"{what} is about all rows that it is given, but plate {plate.name!r} around "
                    f"site {site.name!r} takes {plate.size} of {plate.full_size}. Open the plate "
                    "with the number of rows that are passed, without subsampling."
                )


def following_their_data(
    structure: Structure,
    rows: Sequence[Any],
    made: Mapping[str, Any],
    densities: Callable[[Sequence[Any]], Mapping[str, Any]],
) -> frozenset[str]:
    """Observed sites whose law is worked out from the argument that they observe.

    So is that of a likelihood of entries given those before, which a model without `size=` reads
    off the data. Draws of it follow the data, entry by entry, and replicate nothing.

    Args:
        structure: sites and plates.
        rows: what the model takes.
        made: by observed site, data that were drawn.
        densities: from what the model takes to log densities of the real data, by site.
    """
    found, usual = set[str](), densities(rows)
    for site in structure.observed:
        place = site.argument
        if place is None or site.name not in made or made[site.name].shape != rows[place].shape:
            continue
        others = [*rows[:place], made[site.name], *rows[place + 1 :]]
        one, other = (np.asarray(each[site.name]) for each in (usual, densities(others)))
        if one.shape != other.shape or not np.allclose(one, other, 1e-4, 1e-4, equal_nan=True):
            found.add(site.name)
    return frozenset(found)


def propose_nothing(*args: Any, **kwargs: Any) -> None:
    """A guide for latents that all have a value already."""
