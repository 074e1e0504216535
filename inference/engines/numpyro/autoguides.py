"""Autoguides of NumPyro that a guide is or runs: what their first run makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpyro.infer.autoguide import AutoGuide

from inference.engines.numpyro.pairs import LIBRARIES
from inference.program.closures import all_reached


def autoguides(guide: Callable[..., Any]) -> list[AutoGuide]:
    """The autoguides that a guide is, lists, wraps in handlers, holds or closes over."""

    def listed(found: AutoGuide) -> list[Any]:
        return [v for v in vars(found).values() if callable(v) or type(v) is list]

    return all_reached([guide], AutoGuide, LIBRARIES, listed)


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
