"""Posterior draws as ArviZ's `InferenceData`, with named dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import warn_user
from inference.posterior.arviz_library import Draws, as_dataset, as_groups
from inference.program.posterior_scores import FOLLOWS, ScoredDraws
from inference.program.sites import Site
from inference.program.structure import Structure

if TYPE_CHECKING:
    from arviz import InferenceData

_OWN_DIMENSIONS = ("chain", "draw")  # ArviZ's


def inference_data(
    structure: Structure,
    posterior: Draws,
    scored: ScoredDraws | None,
    *,
    log_weight: NDArray[Any] | None = None,
    prior: tuple[Draws, Draws] | None = None,
    sample_stats: Draws | None = None,
    attrs: Mapping[str, Any],
) -> InferenceData:
    """Draws and what the model says about them, with named dimensions.

    Args:
        structure: the model's sites.
        posterior: by site, (C, S, *batch, *event).
        scored: the same draws scored, chain after chain: C * S of them; None leaves out the groups
            that need it.
        log_weight: log p(x, z) - log q(z | x), (C * S, N) or (C * S, 1).
        prior: latents and data from the model, (S, *batch, *event).
        sample_stats: further columns, (C, S).
        attrs: what to note on every group.
    """
    chains = next(iter(posterior.values())).shape[0] if posterior else 1
    dims, coords = dimensions(structure)
    groups: dict[str, Draws] = {
        "posterior": dict(posterior),
        "sample_stats": dict(sample_stats or {}),
    }
    group_dims: dict[str, dict[str, list[str]]] = {"sample_stats": {}}
    left_out = frozenset[str]() if scored is None else scored.following
    if left_out:
        warn_user(
            f"draws of data at {', '.join(map(repr, sorted(left_out)))} are left out, as {FOLLOWS}."
        )
    if scored is not None:
        made = {name: grouped(value, chains) for name, value in scored.computed.items()}
        groups["posterior"] = {**made, **posterior}
        groups["sample_stats"] = {
            "lp": grouped(scored.log_p.sum(1), chains),
            **groups["sample_stats"],
        }
        groups["log_likelihood"], group_dims["log_likelihood"] = pointwise(
            structure, scored, chains
        )
        groups["posterior_predictive"] = {
            n: grouped(v, chains) for n, v in scored.predictive.items() if n not in left_out
        }
        groups["observed_data"] = scored.observed
    if log_weight is not None:
        shared = structure.shared_plates
        cells = log_weight.reshape(-1, *(plate.size for plate in shared))
        groups["sample_stats"] = {**groups["sample_stats"], "log_weight": grouped(cells, chains)}
        group_dims["sample_stats"]["log_weight"] = [_named(plate.name) for plate in shared]
    if prior is not None:
        for name, part in zip(("prior", "prior_predictive"), prior, strict=True):
            kept = ((site, value) for site, value in part.items() if site not in left_out)
            groups[name] = {site: value[None] for site, value in kept}
    return as_groups(
        {
            group: as_dataset(
                values,
                group_dims.get(group, dims),
                coords,
                attrs,
                drawn=group != "observed_data",
            )
            for group, values in groups.items()
            if values
        }
    )


def pointwise(
    structure: Structure, scored: ScoredDraws, chains: int
) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """log p(x_n | z) by observed site, (C, S, N), summed within a datum; and its dimensions."""
    kept = datum_plates(structure, set(scored.log_likelihood))
    dims, _ = dimensions(structure)
    values, names = {}, {}
    for name, value in scored.log_likelihood.items():
        # ArviZ exponentiates what it is given, which overflows in single precision.
        value = np.asarray(value, np.float64)
        batch = dims[name][: value.ndim - 1]
        within = [place for place, dim in enumerate(batch) if kept and dim not in kept]
        values[name] = grouped(value.sum(tuple(1 + place for place in within)), chains)
        names[name] = [dim for place, dim in enumerate(batch) if place not in within]
    return values, names


def datum_plates(structure: Structure, observed: set[str]) -> set[str]:
    """The dimensions of which each cell is a datum; none where the data lie in no plate."""
    shared = structure.shared_plates
    if not shared:
        around = [site.plates for site in structure.observed if site.name in observed]
        shared = tuple(frozenset.intersection(*around)) if around else ()
    return {_named(plate.name) for plate in shared}


def dimensions(structure: Structure) -> tuple[dict[str, list[str]], dict[str, NDArray[Any]]]:
    """Names of the dimensions of each site's value, and the coordinates of the plates."""
    sites = structure.model.values()
    plates = {_named(plate.name): plate.size for site in sites for plate in site.plates}
    coords = {name: np.arange(size) for name, size in plates.items()}
    return {site.name: _dims(site) for site in sites}, coords


def grouped(value: NDArray[Any], chains: int) -> NDArray[Any]:
    """(C * S, ...) draws, chain after chain, as (C, S, ...)."""
    return value.reshape(chains, -1, *value.shape[1:])


def _dims(site: Site) -> list[str]:
    """Plates by name; whatever else has a shape, and events, by number."""
    rank = len(site.batch_shape)
    plates = {rank + plate.dim: _named(plate.name) for plate in site.plates}
    places = range(rank + len(site.event_shape))
    loose = [place for place in places if place not in plates]
    numbers = {place: f"{site.name}_dim_{number}" for number, place in enumerate(loose)}
    return [(plates | numbers)[place] for place in places]


def _named(plate: str) -> str:
    return f"{plate}_plate" if plate in _OWN_DIMENSIONS else plate
