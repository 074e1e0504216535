"""Rows of which some entries are given and the others drawn, in words of no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.distributions import entries, innermost, parts_of, sequential_part
from inference.program.structure import Structure


@dataclass(frozen=True)
class Completed:
    """K draws of each row with some of its entries held.

    Attributes:
        rows: (K, N, *event).
        log_weight: log probability of the held entries, each given those before it, (K, N). With
            weights of its exponential the draws follow the law given the held entries.
        ranks: of the entries in the order of drawing, *event; of the first, where several laws draw
            in orders of their own.
        laws: how many laws draw, each of them some of the rows.
    """

    rows: NDArray[Any]
    log_weight: NDArray[Any]
    ranks: NDArray[Any]
    laws: NDArray[Any]

    def knows_all(self, held: NDArray[np.bool_]) -> bool:
        """Whether each draw was given all that is held: nothing that is held came after it.

        Of several laws, the one that draws a row would have to be chosen by what is held.
        """
        if self.laws > 1:
            return not held.any() or bool(held.all())
        ranks = np.broadcast_to(self.ranks, held.shape[1:])
        last = np.where(held, ranks, -1).reshape(len(held), -1).max(1)
        first = np.where(held, ranks.max() + 1, ranks).reshape(len(held), -1).min(1)
        return bool((last <= first).all())

    def chosen(self, seed: int) -> NDArray[Any]:
        """One of the K draws for each row, (N, *event), with the chances of their weights."""
        log_w = self.log_weight - self.log_weight.max(axis=0)
        noise = np.random.default_rng(seed).gumbel(size=log_w.shape)
        return self.rows[(log_w + noise).argmax(axis=0), np.arange(self.rows.shape[1])]


def check_held_with_latents(structure: Structure) -> str:
    """The site of the data, if its entries can be drawn given latents of finitely many states.

    Raises:
        ObjectiveError: if the model observes no such data, or they are drawn one after another.
    """
    structure.check_observed(likelihood=False)
    site = next((site for site in structure.observed if site.argument == 0), None)
    if site is None:
        raise ObjectiveError(
            "complete() draws what is missing of the pair's first argument, but no site of the "
            "model observes it as it is; pass it to a sample statement with obs=."
        )
    return site.name


def check_independent(name: str, law: Any) -> None:
    """Check that the entries of data are independent of each other given the latents.

    Raises:
        ObjectiveError: naming the site whose entries are not.
    """
    if entries(law).event_shape or sequential_part(law) is not None:
        raise ObjectiveError(
            f"complete() draws some entries of {name!r} given the latents and holds others, but "
            f"under {type(innermost(law)).__name__} they are not independent of each other; use a "
            "likelihood of single entries with .to_event()."
        )


def law_to_complete(sites: Mapping[str, Any]) -> Any:
    """The law of the site that observes the data, if it can hold entries.

    Raises:
        ObjectiveError: if it cannot, or there are latents, whose law given the held entries is not
            known.
    """
    latents = [name for name, site in sites.items() if not site["is_observed"]]
    if latents:
        raise ObjectiveError(
            f"complete() is for models whose data are all that they draw, and this one has the "
            f"latent {latents[0]!r}: held entries say something about it. Draw it by run.latents "
            "and run.decode."
        )
    for site in sites.values():
        law = sequential_part(site["fn"])
        if law is not None:
            return law
    name = next(iter(sites), "x")
    raise ObjectiveError(
        f"complete() holds entries of data that are drawn one after another, but the law of "
        f"{name!r} has no method conditionals(inputs), as those of ppl_models.autoregressive have."
    )


def check_entry_by_entry(law: Any, temperature: float) -> None:
    """Check that the conditionals of a law without `complete` tell how to draw its entries.

    Raises:
        ObjectiveError: if it is a mean of laws, or the conditionals are to be of another
            temperature.
    """
    kind = type(law).__name__
    if len(parts_of(law)) > 1:
        raise ObjectiveError(
            f"{kind} is a mean of several sequential laws, which its conditionals(inputs) do not "
            "draw; give it a method complete(values, held, temperature)."
        )
    if temperature != 1:
        raise ObjectiveError(
            f"temperature={temperature:g} needs {kind} to have a method complete(values, held, "
            "temperature), as the laws of ppl_models.autoregressive have; its conditionals(inputs) "
            "draw at a temperature of 1."
        )
