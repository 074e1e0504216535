"""What model and guide are called with: arrays, and a form that says where they stand.

A batch may hold anything that a program's signature takes. Its arrays are taken out, so that they
can be cut into rows, moved to a device and traced; everything else (numbers, strings, None, packed
sequences) stays in the form as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.descriptions import has
from inference.errors import ObjectiveError
from inference.program.containers import Slot, content, direct_slots, key_of, mapped


@dataclass(frozen=True, eq=False)
class Form:
    """How arrays make up the arguments of a call.

    Two forms are equal where they make the same call of the same arrays.

    Attributes:
        args: arguments by position, with a slot in place of each array.
        kwargs: arguments by name.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def plain(self) -> bool:
        """Whether the arrays are the arguments by position, and there are no others."""
        slots = map(Slot, range(len(self.args)))
        return not self.kwargs and all(
            type(arg) is Slot and arg == slot for arg, slot in zip(self.args, slots, strict=True)
        )

    def fill(
        self, arrays: tuple[Any, ...], convert: Callable[[Any], Any] = lambda array: array
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, by position and by name.

        Args:
            arrays: what goes into the slots.
            convert: makes the engine's own of an array that the form itself holds, or of what
                moves itself to a device.
        """

        def put(value: Any) -> Any:
            if isinstance(value, Slot):
                return arrays[value.number]
            return convert(value) if isinstance(value, np.ndarray) or _moves(value) else value

        filled: tuple[Any, ...] = tuple(mapped(arg, put) for arg in self.args)
        return filled, {name: mapped(arg, put) for name, arg in self.kwargs.items()}

    def lifted(self, taken: int) -> tuple[Form, tuple[float, ...]]:
        """The form with slots for its real numbers too, and these numbers.

        Args:
            taken: how many slots it has already.
        """
        numbers: list[float] = []

        def lift(value: Any) -> Any:
            if not isinstance(value, (float, np.floating)):
                return value
            numbers.append(float(value))
            return Slot(taken + len(numbers) - 1)

        args = tuple(mapped(arg, lift) for arg in self.args)
        return Form(args, {n: mapped(arg, lift) for n, arg in self.kwargs.items()}), tuple(numbers)

    def holding(self, arrays: tuple[Any, ...], kept: tuple[bool, ...]) -> Form:
        """The form with those arrays in it that are not kept as slots."""
        places = {old: new for new, old in enumerate(n for n, keep in enumerate(kept) if keep)}

        def put(value: Any) -> Any:
            if not isinstance(value, Slot):
                return value
            number = value.number
            return Slot(places[number]) if kept[number] else arrays[number]

        args = tuple(mapped(arg, put) for arg in self.args)
        return Form(args, {name: mapped(arg, put) for name, arg in self.kwargs.items()})

    @cached_property
    def direct(self) -> frozenset[int]:
        """The slots that are arguments, or stand in dictionaries and named tuples."""
        return frozenset(direct_slots((*self.args, *self.kwargs.values())))

    @cached_property
    def _key(self) -> Any:
        return key_of(self.args), key_of(self.kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Form) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


PLAIN = [Form(tuple(map(Slot, range(count))), {}) for count in range(9)]


def plain_form(count: int) -> Form:
    """The form of a call on so many arrays by position."""
    return PLAIN[count] if count < len(PLAIN) else Form(tuple(map(Slot, range(count))), {})


@dataclass(frozen=True)
class Batch:
    """What model and guide are called with.

    Attributes:
        arrays: the arrays in it, in the order of the arguments.
        form: where they stand, and everything else.
    """

    arrays: tuple[Any, ...]
    form: Form = field(default_factory=lambda: plain_form(0))

    @staticmethod
    def of(batch: Batch | tuple[Any, ...]) -> Batch:
        """The same, where a plain tuple of arrays is one too."""
        return batch if isinstance(batch, Batch) else Batch(batch, plain_form(len(batch)))

    @property
    def rows(self) -> int:
        """How many rows it has: what most arrays have, or else the first; 1 without arrays.

        Arrays in lists count only where there are no others: they may be rows themselves.
        """
        sized = [n for n, array in enumerate(self.arrays) if np.ndim(array)]
        chosen = [n for n in sized if n in self.form.direct] or sized
        lengths = [len(self.arrays[n]) for n in chosen]
        return max(lengths, key=lengths.count, default=1)

    def cut(self) -> Batch:
        """The same with only those arrays taken out that have a row for each datum."""
        rows = self.rows
        kept = tuple(bool(np.ndim(array)) and len(array) == rows for array in self.arrays)
        chosen = (array for array, keep in zip(self.arrays, kept, strict=True) if keep)
        return Batch(tuple(chosen), self.form.holding(self.arrays, kept))

    def digest(self) -> str:
        """A name for the content: the start of a SHA-256."""
        found = hashlib.sha256()
        for array in self.arrays:
            found.update(f"{array.shape}{array.dtype}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        for part in content((self.form.args, self.form.kwargs), set()):
            found.update(part)
        return found.hexdigest()[:12]


class OnArrays:
    """A model or a guide as a function of the arrays in a batch alone.

    Attributes:
        function: the model or the guide.
        form: how the arrays make up its arguments.
        convert: makes the engine's own of an array that the form holds.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        form: Form,
        convert: Callable[[Any], Any] = lambda array: array,
    ) -> None:
        self.function, self.form, self.convert = function, form, convert

    def __call__(self, *arrays: Any) -> Any:
        """Call the function."""
        args, kwargs = self.form.fill(arrays, self.convert)
        return self.function(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        own = (self.function, self.form)
        return isinstance(other, OnArrays) and own == (other.function, other.form)

    def __hash__(self) -> int:
        return hash((self.function, self.form))


def on_arrays(
    function: Callable[..., Any],
    form: Form,
    convert: Callable[[Any], Any] = lambda array: array,
) -> Callable[..., Any]:
    """The function on arrays alone, which it is already where the form is plain."""
    return function if form.plain else OnArrays(function, form, convert)


class Leading:
    """A model or a guide that is not given the last arrays of a batch, which are an objective's.

    Attributes:
        function: the model or the guide.
        kept: how many arrays it is not given.
    """

    def __init__(self, function: Callable[..., Any], kept: int) -> None:
        self.function, self.kept = function, kept
        self.__wrapped__ = function  # for inspect.signature

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Call the function.

        Raises:
            ObjectiveError: if there is nothing but what the objective keeps.
        """
        if len(arrays) <= self.kept:
            raise ObjectiveError(
                f"the objective takes the last {self.kept} of a batch's arrays for itself, and "
                f"the pair what comes before, but there are {len(arrays)}; pass them too, as in "
                "(x, y)."
            )
        return self.function(*arrays[: -self.kept], **named)

    def __eq__(self, other: object) -> bool:
        own = (self.function, self.kept)
        return isinstance(other, Leading) and own == (other.function, other.kept)

    def __hash__(self) -> int:
        return hash((self.function, self.kept))


def kept_of(function: Callable[..., Any]) -> int:
    """How many arrays at the end of a batch a model or guide is not given."""
    return function.kept if isinstance(function, Leading) else 0


def leading(function: Callable[..., Any], kept: int) -> Callable[..., Any]:
    """The function without the last arrays of a batch, which it is already where none are kept."""
    done = isinstance(function, Leading) or hasattr(function, "unattached")
    return Leading(function, kept) if kept and not done else function


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with all its arguments, of which another may be the function on arrays."""
    return function.function if isinstance(function, (OnArrays, Leading)) else function


def split(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], take: Callable[[Any], NDArray[Any] | None]
) -> Batch:
    """Take the arrays out of arguments, which may be nested in lists, tuples and dictionaries.

    Args:
        args: by position.
        kwargs: by name.
        take: makes an array of what is one, and None of everything else.
    """
    arrays: list[Any] = []

    def out(value: Any) -> Any:
        array = take(value)
        if array is None:
            return value
        arrays.append(array)
        return Slot(len(arrays) - 1)

    form = Form(
        tuple(mapped(arg, out) for arg in args), {n: mapped(arg, out) for n, arg in kwargs.items()}
    )
    return Batch(tuple(arrays), form)


def rows_among(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many rows the arrays have that a program is called with; 1 where there are none.

    Args:
        args: by position.
        kwargs: by name.
    """
    return split(
        args, kwargs, lambda value: value if has(value, "shape") and value.shape else None
    ).rows


def _moves(value: Any) -> bool:
    """Whether a value is a collection that moves itself to a device."""
    return isinstance(value, tuple) and hasattr(value, "to")
