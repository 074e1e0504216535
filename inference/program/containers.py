"""Arguments with arrays in them: containers that are looked into, and what tells values apart."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.descriptions import has
from inference.errors import DataError

_DEEPEST = 100  # levels of containers that are looked into; one may hold itself
_NUMBERS = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True)
class Slot:
    """The place of an array."""

    number: int


def is_container(value: Any) -> bool:
    """Whether it is looked into; a packed sequence, which moves itself to a device, is not."""
    if isinstance(value, tuple):
        return type(value) is tuple or (hasattr(value, "_fields") and not hasattr(value, "to"))
    return type(value) in (list, dict, OrderedDict, defaultdict)


def mapped(value: Any, change: Callable[[Any], Any], depth: int = 0) -> Any:
    """A value with all that is in its containers changed; it is itself where nothing is.

    Raises:
        DataError: if containers lie in each other without end.
    """
    if not is_container(value):
        return change(value)
    if depth > _DEEPEST:
        raise DataError(
            f"data are a {type(value).__name__} in more than {_DEEPEST} others, or one that holds "
            "itself; pass arrays, or containers of a few levels."
        )
    parts = list(value.values() if isinstance(value, dict) else value)
    new = [mapped(part, change, depth + 1) for part in parts]
    if all(one is other for one, other in zip(parts, new, strict=True)):
        return value
    if isinstance(value, defaultdict):
        return defaultdict(value.default_factory, zip(value, new, strict=True))
    if isinstance(value, dict):
        return type(value)(zip(value, new, strict=True))
    return type(value)._make(new) if hasattr(value, "_fields") else type(value)(new)  # pyright: ignore[reportAttributeAccessIssue]


def direct_slots(values: Iterable[Any]) -> Iterator[int]:
    """The numbers of slots that are values, or stand in dictionaries and named tuples."""
    for value in values:
        if isinstance(value, Slot):
            yield value.number
        elif is_container(value) and type(value) not in (list, tuple):
            yield from direct_slots(value.values() if isinstance(value, dict) else value)


def key_of(value: Any) -> Any:
    """What two values have in common that make the same call."""
    if isinstance(value, Slot):
        return "slot", value.number
    if isinstance(value, dict):
        return type(value), tuple((key_of(k), key_of(v)) for k, v in value.items())
    if is_container(value):
        return type(value), tuple(map(key_of, value))
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.shape, str(value.dtype), value.tobytes()
    if isinstance(value, (*_NUMBERS, np.generic)):
        return type(value), repr(value)  # 1, 1.0 and True are equal, and NaN is to nothing
    return "object", id(value)


def content(value: Any, seen: set[int]) -> Iterator[bytes]:
    """What tells one value from another, whatever it is."""
    if isinstance(value, Slot):
        yield f"_Slot_Slot(number={value.number});".encode()  # as in the folders of earlier runs
        return
    if isinstance(value, (*_NUMBERS, np.generic)):
        yield f"{type(value).__name__}{value!r};".encode()
        return
    yield type(value).__qualname__.encode()
    if id(value) in seen:
        return
    seen.add(id(value))
    if has(value, "detach"):
        value = value.detach().cpu().numpy()
    if has(value, "shape", "dtype"):
        array = np.asarray(value)
        yield f"{array.shape}{array.dtype}".encode()
        yield repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from content(key, seen)
            yield from content(part, seen)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from content(part, seen)
    else:
        yield getattr(value, "__qualname__", "").encode()
        yield from content(getattr(value, "__dict__", None), seen)
