"""Where a site's log density counts something more than once, in words of no framework."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from inference.descriptions import first_line

if TYPE_CHECKING:
    from inference.program.sites import Plate, Site

Shape = tuple[int, ...]


def repeated_value(name: str, came: Shape, batch: Shape, event: Shape, whole: Shape) -> str:
    """What is said of a value that is smaller than its distribution."""
    return (
        f"{name!r} is given a value of shape {came}, but its distribution has batch shape "
        f"{batch} and event shape {event}: the value "
        f"is repeated over shape {whole} without a word. Give both the same shape; often "
        "one of them needs .squeeze(-1) or [:, None], or the distribution .to_event(1)."
    )


def repeated_factor(name: str, came: Shape, batch: Shape) -> str:
    """What is said of a factor that is smaller than the plates around it."""
    return (
        f"the factor {name!r} has shape {came} in plates of shape {batch}, each of whose entries "
        "counts it: right for a term that each row has, such as a normaliser. If it is to count "
        "once, such as a penalty, move it out of the plates."
    )


def unscored(
    name: str, line: str, law: str, shapes: tuple[Shape, Shape], came: str, error: Exception
) -> str:
    """What is said where a density fails: the libraries name neither the site nor the line.

    Args:
        name: the site's.
        line: where it is; empty if that is not known.
        law: the name of its distribution.
        shapes: of the distribution's batch and event.
        came: the value, in words.
        error: what was raised.
    """
    batch, event = shapes
    return (
        f"the log density of {name!r}{f' ({line})' if line else ''}, {law} of batch shape {batch} "
        f"and event shape {event}, fails at {came}: {type(error).__name__}: {first_line(error)}"
    )


def does_not_fit(site: Site) -> str:
    """What is said of an observed value that does not broadcast with its distribution, if so."""
    whole, value = site.batch_shape + site.event_shape, site.value_shape or ()
    pairs = zip(whole[::-1], value[::-1], strict=False)
    if all(one == other or 1 in (one, other) for one, other in pairs):
        return ""
    return (
        f"{site.name!r} is given a value of shape {value}, but its distribution has batch shape "
        f"{site.batch_shape} and event shape {site.event_shape}; give the plates around it the "
        "sizes of the batch, and the distribution one event for each row."
    )


def outside_plates(name: str, part: str, batch: Shape, dim: int) -> str:
    """What is said of a batch dimension that no plate covers."""
    return (
        f"{name!r} in the {part} has batch shape {batch}, of which dimension {dim} lies in no "
        "plate; open a plate of that size around it, or make it part of the event with "
        ".to_event(1)."
    )


def miscounted(site: Site, part: str, of_data: Iterable[Plate]) -> str:
    """What is wrong with the shape of a site's log density; empty if nothing is.

    Batch dimensions outside of all plates are summed, which is right where each entry has a value
    of its own, as in a matrix of weights. It is wrong where one value meets several of them, and
    where the rows of the data lie in such a dimension, with their plate around another one, or in
    the event. What does not broadcast at all is said, too.

    Args:
        site: the site.
        part: `"model"` or `"guide"`.
        of_data: the plates around all observed sites.
    """
    if site.value_shape is None:
        return ""
    if site.density_shape is None:
        return does_not_fit(site) if site.observed else ""
    events = len(site.event_shape)
    value = site.value_shape[: len(site.value_shape) - events]
    rank = max(len(site.density_shape), len(value))
    density, own = ((1,) * (rank - len(shape)) + shape for shape in (site.density_shape, value))
    covered = {plate.dim for plate in site.plates}
    dims = range(-rank, 0)
    outside = [dim for dim in dims if density[dim] > 1 and dim not in covered]
    repeated = [dim for dim in dims if density[dim] > 1 and own[dim] == 1]
    constant = site.observed and math.prod(site.value_shape) == 1  # obs=torch.tensor(1.0)
    # Rows that became a part of the event, each of which meets the whole batch.
    rows = {plate.dim for plate in site.plates if site.value_shape[:1] == (plate.size,)}
    again = site.argument is not None and not value and bool(rows & set(repeated))
    if ((outside and repeated) or again) and not constant:
        whole = site.density_shape + site.event_shape
        return repeated_value(
            site.name, site.value_shape, site.batch_shape, site.event_shape, whole
        )
    sizes = {plate.size for plate in of_data if plate in site.plates}
    if site.observed and site.argument is not None:
        outside = [dim for dim in outside if dim == -len(value)]  # where the rows are
    wrong = [dim for dim in outside if density[dim] in sizes and len(value) > 1]
    return outside_plates(site.name, part, site.density_shape, wrong[0]) if wrong else ""


def fills_plates(site: Site, value: tuple[int, ...], density: tuple[int, ...]) -> bool:
    """Whether data fill the plates around them, though their law has no such dimensions.

    Under `plate("data")`, which has no size, Pyro leaves a distribution as it is. Outside of all
    plates NumPyro counts each entry of the data by itself, under one law for all.

    Args:
        site: the site.
        value: the shape of what it observes.
        density: the shape of its log density.
    """
    sizes = {plate.dim: plate.size for plate in site.plates}
    own = (1,) * (len(density) - len(site.batch_shape)) + site.batch_shape
    dims = zip(range(-len(density), 0), density, strict=True)
    fill = all(size in (own[dim], sizes.get(dim)) for dim, size in dims)
    alike = fill or not site.plates
    return site.observed and value == density + site.event_shape and alike
