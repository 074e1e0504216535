"""Whether rows hang together by their latents, so that none has a weight or a score of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from inference.program.engine import Engine
from inference.program.records import RecordedSite
from inference.program.sites import Plate, Site
from inference.program.structure import Structure

WHY = (
    "the model's density of a row changes with the latents of other rows, as in a random walk, or "
    "where something is worked out over the batch. Of a series, draw the latents in one event and "
    "say that all rows are one datum, by a plate('data', 1) around them"
)
"""What is wrong and what to do, as the end of "..., but"; what else will do comes behind it."""
_RELATIVE = 1e-3  # float32, and sums in another order
_DRAWS = 4  # of discrete latents


def rows_hang_together(
    backend: Engine, pair: Any, rows: Any, structure: Structure, *, training: bool = False
) -> bool:
    """Whether latents of some rows change the density of others, as far as a look can tell.

    Args:
        backend: the engine.
        pair: the pair.
        rows: data to look at it on.
        structure: its sites and plates on them.
        training: whether statistics of a batch, which networks keep for later, may tie its rows.
    """
    try:
        return _coupled(backend, pair, rows, structure, training=training)
    except Exception:  # whatever it is, who asked meets it next, and names it
        return False


def _coupled(
    backend: Engine, pair: Any, rows: Any, structure: Structure, *, training: bool
) -> bool:
    plates = structure.nested.shared_plates
    if not structure.latents or not plates:
        return False
    plate = min(plates, key=lambda plate: plate.dim)
    if plate.size < 2:
        return False
    probe = backend.Probe(pair, rows)
    if not probe.may_mix_rows(structure.latents, plate.size):
        return False
    first = probe.record("model", rows)
    if training and first.learning:
        return False
    one = {site.name: np.asarray(first.sites[site.name].value) for site in structure.latents}
    # By its name: a plate of a mixture's components may lie along the same dimension.
    inside = [site for site in structure.latents if _within(site, plate)]
    densities = probe.record("model", rows, one).sites
    # Discrete draws may be the same by chance, and so may be what the model makes of them.
    draws = _DRAWS if any(site.discrete for site in inside) else 1
    for rng_seed in range(1, 1 + draws):
        again = probe.record("model", rows, rng_seed=rng_seed).sites
        other = one | {site.name: np.asarray(again[site.name].value) for site in inside}
        axes = {site.name: plate.dim - len(site.event_shape) for site in inside}
        mixed = one | {n: _spliced(one[n], other[n], axis) for n, axis in axes.items()}
        others, both = (probe.record("model", rows, at).sites for at in (other, mixed))
        if _differ(densities, others, both, plate):
            return True
    return False


def _differ(
    one: Mapping[str, RecordedSite],
    other: Mapping[str, RecordedSite],
    mixed: Mapping[str, RecordedSite],
    plate: Plate,
) -> bool:
    """Whether a row has another density among others than among its own."""
    return any(
        not _close(site.log_prob, _spliced(one[name].log_prob, other[name].log_prob, plate.dim))
        for name, site in mixed.items()
        if _within(site.site, plate)
    )


def _within(site: Site, plate: Plate) -> bool:
    return any(own.name == plate.name for own in site.plates)


def _spliced(one: Any, other: Any, axis: int) -> Any:
    """The one with every second row of the other's, from the first on."""
    spliced = np.array(one)
    np.moveaxis(spliced, axis, 0)[::2] = np.moveaxis(np.asarray(other), axis, 0)[::2]
    return spliced


def _close(one: Any, other: Any) -> bool:
    size = 1 + np.abs(one[np.isfinite(one)]).max(initial=0)
    return bool(np.allclose(one, other, _RELATIVE, 1e-4 * size, equal_nan=True))
