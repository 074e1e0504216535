"""Which costs a draw can change, and between which plates: what its score has to see.

The gradient of E_q[sum of costs] by the parameters of a draw z without a pathwise gradient is

    E_q[ (sum of the costs that z can change) d log q(z | ...) ].

A cost that z cannot change has zero mean against the score and adds noise alone. Which costs those
are follows from the sites that each distribution may depend on (in doubt, all that were drawn
before it) and from the plates: entries of a plate are independent of each other, unless a site
outside of the plate lies in between.

References:
    Ranganath, Gerrish & Blei 2014, arXiv:1401.0118; Schulman et al. 2015, arXiv:1506.05254.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from inference.program.sites import Plate, Site
from inference.program.structure import Structure

Side = Literal["model", "guide", "divergence"]


@dataclass(frozen=True)
class Cost:
    """A term of a bound.

    Attributes:
        side: whose log density it is, or `"divergence"` for a KL divergence in closed form.
        site: its site.
        value: what it adds to the bound, (K, *batch).
    """

    side: Side
    site: str
    value: Any


def downstream(structure: Structure, costs: Sequence[Cost], name: str) -> Any:
    """The costs that the guide's draw at a site can change.

    Args:
        structure: sites and plates.
        costs: all terms of the bound, each (K, *batch).
        name: the site of the draw.

    Returns:
        Their sum in a shape that broadcasts over the site's (K, *batch): in plates that a cost
        shares with the draw, entry by entry; summed over all others.
    """
    ancestors = _ancestors(structure)
    total: Any = 0.0
    for cost in costs:
        plates = _kept(structure, ancestors, name, cost)
        if plates is not None:
            kept = {plate.dim for plate in plates}
            dims = range(1, structure.nesting + 1)
            summed = tuple(dim for dim in dims if dim - structure.nesting - 1 not in kept)
            total = total + (cost.value.sum(summed, keepdims=True) if summed else cost.value)
    return total


def _kept(
    structure: Structure, ancestors: Mapping[str, frozenset[str]], name: str, cost: Cost
) -> frozenset[Plate] | None:
    """The plates within which a draw changes a cost entry by entry; None if it never does."""
    known = {name: site.plates for name, site in structure.guide.items()}
    reached = frozenset().union(*(ancestors[parent] for parent in _direct(structure, cost)))
    if name not in reached:
        return None
    owner = structure.model if cost.side == "model" else structure.guide
    plates = known[name] & owner[cost.site].plates
    if cost.side == "divergence":
        plates &= structure.model[cost.site].plates
    for between in reached - {name}:
        if name in ancestors[between]:
            plates &= known.get(between, frozenset())
    return plates


def _direct(structure: Structure, cost: Cost) -> frozenset[str]:
    """The latents whose values a cost is a function of."""
    model, guide = structure.model.get(cost.site), structure.guide.get(cost.site)
    found = frozenset[str]()
    if cost.side != "guide" and model is not None:
        found |= _parents(structure.latents, model)
    if cost.side != "model" and guide is not None:
        found |= _parents(structure.proposals, guide)
    own = cost.side != "divergence" and not (model is not None and model.observed)
    return found | {cost.site} if own else found


def _parents(order: Sequence[Site], site: Site) -> frozenset[str]:
    """The latents that a site's distribution may depend on."""
    if site.parents is not None:
        return site.parents
    names = [other.name for other in order]
    return frozenset(names[: names.index(site.name)] if site.name in names else names)


def _ancestors(structure: Structure) -> dict[str, frozenset[str]]:
    """Each latent with all latents whose draws may have changed its own."""
    found: dict[str, frozenset[str]] = {}
    for site in structure.proposals:
        above = (found.get(parent, frozenset()) for parent in _parents(structure.proposals, site))
        found[site.name] = frozenset({site.name}).union(*above)
    for site in structure.latents:  # those that the guide leaves out follow the model
        if site.name not in found:
            above = (found.get(parent, frozenset()) for parent in _parents(structure.latents, site))
            found[site.name] = frozenset({site.name}).union(*above)
    return found
