"""What posterior draws say about the data, in arrays of no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.structure import Structure


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
    """

    log_likelihood: Mapping[str, NDArray[Any]]
    predictive: Mapping[str, NDArray[Any]]
    observed: Mapping[str, NDArray[Any]]
    computed: Mapping[str, NDArray[Any]]
    log_p: NDArray[Any]


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


def propose_nothing(*args: Any, **kwargs: Any) -> None:
    """A guide for latents that all have a value already."""
