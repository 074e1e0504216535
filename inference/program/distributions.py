"""What distributions say of themselves, whatever is wrapped around them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np


def unwrapped(fn: Any) -> Iterator[Any]:
    """A distribution, what it wraps, and so on, components of mixtures among them."""
    waiting = [fn]
    while waiting:
        part = waiting.pop()
        yield part
        inside = vars(part) if hasattr(part, "__dict__") else {}
        for name in ("base_dist", "_component_distribution", "component_distribution"):
            waiting += [inside[name]] if name in inside else []
        for name in ("_component_distributions", "component_distributions"):
            waiting += list(inside.get(name, ()))


def innermost(fn: Any) -> Any:
    """What a distribution expands, masks, transforms or counts as an event, in the end."""
    while (base := getattr(fn, "base_dist", None)) is not None:
        fn = base
    return fn


def says(fn: Any, name: str, *, usual: bool = False) -> bool:
    """What a distribution, or one that it wraps, says of itself in an attribute; or the usual."""
    found = [bool(getattr(part, name, usual)) for part in unwrapped(fn)]
    return usual if all(value == usual for value in found) else not usual


def sequential_part(fn: Any) -> Any:
    """What gives the conditionals of a sequential law, under whatever is around it; None if none.

    Such a law says `sequential = True`. `conditionals(inputs)` is the law of every entry given the
    entries of `inputs` before it, `ranks` (an array of the event's shape) says in which order;
    without it, entries come as they are stored.
    """
    return next((part for part in unwrapped(fn) if hasattr(part, "conditionals")), None)


def parts_of(law: Any) -> tuple[Any, ...]:
    """The laws that a sequential one is a mean of, each with an order of its own; or itself."""
    return tuple(getattr(law, "components", ())) or (law,)


def one_order(fn: Any) -> bool:
    """Whether all parts of a sequential law, if it is one, draw their entries in the same order."""
    law = sequential_part(fn)
    parts = () if law is None else parts_of(law)
    if len(parts) < 2:
        return True
    ranks = [np.asarray(ranks_of(part)) for part in parts]
    return all(np.array_equal(each, ranks[0]) for each in ranks)


def any_order(fn: Any) -> bool:
    """Whether a sequential law says what its entries are like given others, whatever the order."""
    return any(hasattr(part, "conditionals_given") for part in unwrapped(fn))


def ranks_of(law: Any) -> Any:
    """The rank of each entry of a sequential law in the order of drawing, of the event's shape."""
    ranks = getattr(law, "ranks", None)
    shape = tuple(law.event_shape)
    if ranks is None:
        return np.arange(math.prod(shape)).reshape(shape)
    # Lists, and numpy's views such as a reversed one, which torch does not read.
    return np.ascontiguousarray(ranks) if isinstance(ranks, (list, np.ndarray)) else ranks


def flatness(fn: Any, mask: Any = None) -> str:
    """Why a law has a density of one everywhere, as `Site.flat` says it; empty if it has not.

    Args:
        fn: the distribution.
        mask: that of handlers around it, where the library keeps it apart.
    """
    parts = list(unwrapped(fn))
    if any(type(part).__name__ == "ImproperUniform" for part in parts):
        return "improper"
    masks = [mask, *(vars(part).get("_mask") for part in parts if hasattr(part, "__dict__"))]
    return "masked" if any(each is False for each in masks) else ""


def counting(fn: Any, *, mask: Any = True) -> Any:
    """Where masks let the entries of a value count, in the shape that they have before any event.

    Args:
        fn: the distribution.
        mask: that of handlers around it, where the library keeps it apart.
    """
    within, wraps = 0, []
    while type(fn).__name__ in ("Independent", "ExpandedDistribution", "MaskedDistribution"):
        wraps.append(fn)
        fn = fn.base_dist
    found: Any = True
    for law in reversed(wraps):
        within += getattr(law, "reinterpreted_batch_ndims", 0)
        found = found & _before_events(getattr(law, "_mask", True), within)
    return found & _before_events(mask, within)


def _before_events(mask: Any, within: int) -> Any:
    return mask[(..., *[None] * within)] if getattr(mask, "ndim", 0) else mask


def support_of(fn: Any) -> Any:
    """The constraint on a distribution's values; None where it does not say."""
    try:
        return fn.support
    except (AttributeError, NotImplementedError):
        return None


def is_discrete(support: Any) -> bool:
    """Whether a constraint says that values are discrete; one that says nothing does not."""
    try:
        return bool(support.is_discrete)
    except (AttributeError, NotImplementedError):
        return False


def entries(fn: Any) -> Any:
    """The laws of the entries of an event, which are independent: without `to_event`."""
    while type(fn).__name__ in ("Independent", "ExpandedDistribution"):
        fn = fn.base_dist
    return fn


def comes_with_rows(support: Any) -> bool:
    """Whether a constraint holds an array, such as the limits of each row, and not one number."""
    parts = list(getattr(support, "__dict__", {}).values())
    inner = [each for part in parts for each in (part if isinstance(part, (list, tuple)) else ())]
    return any(
        math.prod(part.shape) > 1 if hasattr(part, "shape") else comes_with_rows(part)
        for part in (*parts, *inner)
        if hasattr(part, "shape") or hasattr(part, "__dict__")
    )
