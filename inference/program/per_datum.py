"""Whether a pair has a weight of its own for each datum."""

from __future__ import annotations

import math

from inference.errors import ObjectiveError
from inference.program.sites import Plate
from inference.program.structure import Structure


def check_rows(structure: Structure, rows: int, what: str) -> None:
    """Refuse a structure that does not have one weight for each row.

    Args:
        structure: sites and plates of a pair.
        rows: how many rows it was found on.
        what: wants the weights; named in the error.

    Raises:
        ObjectiveError: naming the plates that it has, or a latent that all data share.
    """
    structure.check_apart(what)
    plates = structure.shared_plates
    if math.prod(_cells(structure, plate) for plate in plates) == rows:
        return
    structure.check_takes_all(what)
    sizes = (f"{plate.name!r} of size {_cells(structure, plate)}" for plate in plates)
    named = ", ".join(sizes) or "no plate"
    raise ObjectiveError(
        f"{what} needs a weight for each row, but around all sites of {rows} rows there is "
        f"{named}. Open one plate('data', len(x)) around the sites of one datum, and make the "
        "dimensions within a datum part of the event with .to_event(). (Where all rows are one "
        "datum, such as a series, log_likelihood takes a plate('data', 1).)"
    )


def is_one_datum(structure: Structure, rows: int) -> bool:
    """Whether a pair says that all rows are one datum, by plates of one around all of its sites.

    Args:
        structure: its sites and plates.
        rows: how many rows it was found on.
    """
    plates = structure.shared_plates
    return rows > 1 and bool(plates) and all(plate.full_size == 1 for plate in plates)


def _cells(structure: Structure, plate: Plate) -> int:
    """A plate's size; that of one without a size is what its sites have."""
    if plate.size >= 0:
        return plate.size
    shapes = (site.batch_shape for site in structure.model.values())
    return max(shape[plate.dim] for shape in shapes if len(shape) >= -plate.dim)
