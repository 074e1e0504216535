"""What one pass through a pair on Pyro gives: the log densities of its draws, worked out late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from pyro.distributions.util import detach
from torch import Tensor

from inference.engines.pyro import discrete
from inference.engines.pyro.divergences import divergence
from inference.engines.pyro.frames import Frames, density
from inference.program.draws import Cells, Draws


def draws_of(
    frames: Frames,
    model_sites: Mapping[str, Any],
    guide_sites: Mapping[str, Any],
    values: Mapping[str, Tensor],
    *,
    divergences: bool,
) -> Draws:
    """The draws of one pass.

    Args:
        frames: the pair's plates and scales.
        model_sites: the model's sites, at the guide's draws.
        guide_sites: the guide's sites.
        values: what was held: latents that the guide leaves out are shown with their values.
        divergences: whether to work out KL(q || p) where it is valid and known.
    """
    exact = _exact(frames, model_sites, guide_sites) if divergences else {}
    proposed = {n: site for n, site in guide_sites.items() if not site["is_observed"]}
    summed = {n: model_sites[n] for n in values if n not in proposed}
    outside = frames.structure.outside
    of_model, of_guide = Lazy(model_sites, density), Lazy(guide_sites, density)
    weighed_model, weighed_guide = without(model_sites, outside), without(guide_sites, outside)
    scored = {n: s for n, s in proposed.items() if not s["fn"].has_rsample and n not in outside}
    masked = {
        n: site
        for n, site in proposed.items()
        if n not in outside and discrete.scored_entries(site) is not None
    }
    cells = None
    if scored:
        cells = Cells(
            log_p_sites=Lazy(weighed_model, lambda s: frames.cell(of_model[s["name"]], s)),
            log_q_sites=Lazy(weighed_guide, lambda s: frames.cell(of_guide[s["name"]], s)),
            divergences={n: frames.cell(v, guide_sites[n]) for n, v in exact.items()},
            scores=Lazy(scored, lambda s: frames.framed(_score(s, of_guide))),
            gather=frames.structure.gather,
        )
    return Draws(
        log_p_sites=Lazy(weighed_model, lambda s: frames.per_datum(of_model[s["name"]], s)),
        log_q_sites=Lazy(weighed_guide, lambda s: frames.per_datum(of_guide[s["name"]], s)),
        divergences={n: frames.per_datum(v, guide_sites[n]) for n, v in exact.items()},
        scored=frozenset(scored),
        values=Lazy(proposed | summed, lambda site: frames.padded(site["name"], site["value"])),
        logits=Lazy(
            {n: site for n, site in proposed.items() if discrete.family(site["fn"])[0]},
            lambda site: frames.padded(site["name"], discrete.logits(site["fn"])),
        ),
        cells=cells,
        unmasked=Lazy(masked, lambda site: frames.log_prob(_unmasked(site))),
    )


def _unmasked(site: Mapping[str, Any]) -> Mapping[str, Any]:
    """A site without the masks of handlers and of its distribution."""
    return {**site, "fn": discrete.unmasked(site["fn"]), "mask": None}


def _exact(
    frames: Frames, model_sites: Mapping[str, Any], guide_sites: Mapping[str, Any]
) -> dict[str, Tensor]:
    """KL(q || p) by site, where it is valid and known."""
    names = frames.structure.closed_form_sites()
    known = ((name, divergence(_held(guide_sites[name]), model_sites[name])) for name in names)
    return {name: value for name, value in known if value is not None}


def _held(site: Mapping[str, Any]) -> Mapping[str, Any]:
    """A guide's site for its divergence: without a gradient by q where the score has it."""
    return site if site["fn"].has_rsample else {**site, "fn": detach(site["fn"])}


class Lazy(Mapping[str, Tensor]):
    """Tensors by site, worked out when they are asked for: a closed form saves two densities."""

    def __init__(self, sites: Mapping[str, Any], work_out: Callable[[Any], Tensor]) -> None:
        self.sites, self.work_out = sites, work_out
        self.known: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.known:
            self.known[name] = self.work_out(self.sites[name])
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)


def without(sites: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """The sites that have none of some names."""
    return {n: site for n, site in sites.items() if n not in names} if names else sites


def one_after_another(each: list[Draws]) -> Draws:
    """The draws of several passes, behind each other along the axis of particles."""
    if len(each) == 1:
        return each[0]
    return Draws(
        log_p_sites=_stacked([draws.log_p_sites for draws in each]),
        log_q_sites=_stacked([draws.log_q_sites for draws in each]),
        divergences=_stacked([draws.divergences for draws in each]),
        scored=each[0].scored,
        values=_stacked_late([draws.values for draws in each]),
        logits=_stacked_late([draws.logits for draws in each]),
        cells=_stacked_cells([draws.cells for draws in each]),
        unmasked=_stacked_late([draws.unmasked for draws in each]),
    )


def _stacked_cells(parts: list[Cells | None]) -> Cells | None:
    cells = [part for part in parts if part is not None]
    if not cells:
        return None
    return Cells(
        log_p_sites=_stacked([part.log_p_sites for part in cells]),
        log_q_sites=_stacked([part.log_q_sites for part in cells]),
        divergences=_stacked([part.divergences for part in cells]),
        scores=_stacked([part.scores for part in cells]),
        gather=cells[0].gather,
    )


def _stacked(parts: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _stacked_late(parts: list[Mapping[str, Tensor]]) -> Lazy:
    """Put together when asked for.

    Where densities alone are read, rows may be other than those of the structure at hand, and their
    values have no place in its shapes.
    """
    return Lazy({n: n for n in parts[0]}, lambda name: torch.cat([part[name] for part in parts]))


def _score(site: Mapping[str, Any], densities: Mapping[str, Tensor]) -> Tensor:
    """The log density of a draw, whether it is masked or not: what was drawn has a score."""
    fn = discrete.unmasked(site["fn"])
    return densities[site["name"]] if fn is site["fn"] else fn.log_prob(site["value"])
