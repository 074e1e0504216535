"""Numbers that a Pyro program counts up itself, outside of its networks, such as its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any

import torch

from inference.program.closures import reached_from

_LIBRARIES = ("torch", "pyro", "numpy", "builtins", "inference")
_MOST = 1000  # entries of a list or dictionary that is looked into
_PLAIN = (bool, int, float, str)
_Put = Callable[[Any], None]


class Counters:
    """The plain numbers and words that functions reach, as they were when this was made.

    They stand in variables that functions close over or name in their module, in attributes of
    objects, and in dictionaries and lists.
    """

    def __init__(self, functions: tuple[Callable[..., Any], ...]) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._items: list[tuple[dict[Any, Any], Any, Any]] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        for value in _reached(functions):
            self._note(value)

    def restore(self) -> None:
        """Put everything back."""
        for cell, before in self._cells:
            if _filled(cell) and cell.cell_contents is not before:
                cell.cell_contents = before
        for owner, name, before in self._items:
            if name in owner and isinstance(owner[name], _PLAIN):
                owner[name] = before
        for owner, before in self._lists:
            length = min(len(owner), len(before))
            if all(isinstance(each, _PLAIN) for each in owner[length:] + before[length:]):
                owner[length:] = before[length:]

    def _note(self, value: Any) -> None:
        if isinstance(value, FunctionType):
            cells = [cell for cell in value.__closure__ or () if _filled(cell)]
            plain = [cell for cell in cells if isinstance(cell.cell_contents, _PLAIN)]
            self._cells += [(cell, cell.cell_contents) for cell in plain]
            self._keep(value.__globals__, value.__code__.co_names)
        elif type(value) is dict:
            self._keep(value, list(value))
        elif type(value) is list:
            self._lists.append((value, list(value)))
        elif _is_users(value):
            self._keep(vars(value), list(vars(value)))

    def _keep(self, owner: dict[Any, Any], names: Any) -> None:
        self._items += [
            (owner, name, owner[name])
            for name in names
            if name in owner and isinstance(owner[name], _PLAIN)
        ]


def _reached(functions: tuple[Callable[..., Any], ...]) -> Iterator[Any]:
    """What functions reach, step by step, but for what libraries and networks hold."""
    waiting, seen = list[Any](functions), set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, torch.Tensor):
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple, dict)) and len(value) > _MOST:
            continue
        yield value
        if isinstance(value, torch.nn.Module):
            if _is_users(value):
                waiting += [each for each in vars(value).values() if type(each) in (dict, list)]
            continue
        waiting += reached_from(value, _LIBRARIES[:2])


def _is_users(value: Any) -> bool:
    """Whether an object is of a class that is no library's, nor this package's."""
    module = type(value).__module__.split(".")[0]
    return hasattr(value, "__dict__") and not isinstance(value, type) and module not in _LIBRARIES


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # not assigned yet
        return False
