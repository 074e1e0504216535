"""Autoguides of NumPyro that a guide is or runs: what their first run makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpyro.infer.autoguide import AutoGuide

from inference.program.closures import reached_from

_LIBRARIES = ("numpyro", "jax", "flax", "optax")


def autoguides(guide: Callable[..., Any]) -> list[AutoGuide]:
    """The autoguides that a guide is, lists, wraps in handlers, holds or closes over."""
    waiting: list[Any] = [guide]
    found: dict[int, AutoGuide] = {}
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, AutoGuide):
            found[id(part)] = part
            waiting += [v for v in vars(part).values() if callable(v) or type(v) is list]
        else:
            waiting += reached_from(part, _LIBRARIES)
    return list(found.values())


def unprepared(guide: Callable[..., Any]) -> list[AutoGuide]:
    """Those that have not run yet: the rows of their first run decide what they are."""
    return [each for each in autoguides(guide) if each.prototype_trace is None]


class Untouched:
    """A guide whose autoguides are as they were after each run, and in the next as it left them.

    Attributes:
        function: the guide.
        guides: its autoguides.
    """

    def __init__(self, function: Callable[..., Any], guides: list[AutoGuide]) -> None:
        self.function, self.guides = function, guides
        self._states = [_state(each) for each in guides]
        self.__wrapped__ = function  # for inspect.signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide."""
        before = [_state(each) for each in self.guides]
        self._put(self._states)
        try:
            return self.function(*args, **kwargs)
        finally:
            self._states = [_state(each) for each in self.guides]
            self._put(before)

    def _put(self, states: list[dict[str, Any]]) -> None:
        for guide, state in zip(self.guides, states, strict=True):
            vars(guide).clear()
            vars(guide).update(state)


def _state(guide: AutoGuide) -> dict[str, Any]:
    """Its attributes, with the dictionaries among them copied, because runs write into those."""
    return {n: dict(v) if type(v) is dict else v for n, v in vars(guide).items()}
