"""Whether rows hang together by their latents, so that none has a weight of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.data.pair_arrays import is_of_the_zoo
from inference.data.rows import Arrays
from inference.errors import ObjectiveError
from inference.program.engine import Engine
from inference.program.structure import Structure

_RELATIVE = 1e-3  # float32, and sums in another order


def check_rows_apart(
    backend: Engine, pair: Any, rows: Arrays, structure: Structure, what: str
) -> None:
    """Refuse a program of one's own in which a row's density changes with the latents of others.

    Args:
        backend: the engine.
        pair: the pair.
        rows: data to look at it on.
        structure: its sites and plates on them.
        what: wants a weight for each row; named in the error.

    Raises:
        ObjectiveError: saying what can be asked of such a pair.
    """
    if is_of_the_zoo(pair) or not structure.latents or len(rows[0]) < 2:
        return
    try:
        coupled = _coupled(backend, pair, rows, structure)
    except Exception:  # whatever it is, the evaluation itself meets it, and names it
        return
    if coupled:
        raise ObjectiveError(
            f"{what} takes a weight of each row's own, but the model's density of a row changes "
            "with the latents of other rows, as in a random walk, or where something is worked out "
            "over the batch. Of a series, draw the latents in one event and say that all rows are "
            "one datum, by a plate('data', 1) around them; of the pair as it is, to_arviz(pair, x) "
            "has draws, and the bound of all rows is the loss that fit reports."
        )


def _coupled(backend: Engine, pair: Any, rows: Arrays, structure: Structure) -> bool:
    """Whether the first row's latents change the density of others, or theirs that of the first."""
    plate = min(structure.shared_plates, key=lambda plate: plate.dim)
    probe = backend.Probe(pair, rows)
    drawn = [probe.record("model", rows, rng_seed=rng_seed).sites for rng_seed in (0, 1)]
    mixed = {}
    for site in structure.latents:
        one, other = (np.asarray(sites[site.name].value) for sites in drawn)
        mixed[site.name] = _spliced(one, other, plate.dim - len(site.event_shape))
    held = [{site.name: sites[site.name].value for site in structure.latents} for sites in drawn]
    one, other, found = (probe.record("model", rows, at).sites for at in (*held, mixed))
    return any(
        not _close(site.log_prob, _spliced(one[name].log_prob, other[name].log_prob, plate.dim))
        for name, site in found.items()
        if any(own.dim == plate.dim for own in site.site.plates)
    )


def _spliced(one: Any, other: Any, axis: int) -> Any:
    """The one with the other's first row."""
    spliced = np.array(one)
    np.moveaxis(spliced, axis, 0)[0] = np.moveaxis(np.asarray(other), axis, 0)[0]
    return spliced


def _close(one: Any, other: Any) -> bool:
    size = 1 + np.abs(one[np.isfinite(one)]).max(initial=0)
    return bool(np.allclose(one, other, _RELATIVE, 1e-4 * size, equal_nan=True))
