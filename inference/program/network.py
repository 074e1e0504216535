"""Networks that an objective owns, such as a critic."""

from __future__ import annotations

from typing import Any, Protocol


class Network(Protocol):
    """A network that an objective owns, of the engine's own kind."""

    def __call__(self, *inputs: Any, frozen: bool = False) -> Any:
        """Its output; with `frozen` without a gradient to its parameters."""
        ...

    def features(self, *inputs: Any, frozen: bool = False) -> Any:
        """What its method of that name returns."""
        ...

    def evaluating(self) -> Network:
        """The same network without dropout."""
        ...

    def vector(self, *inputs: Any) -> Any:
        """All its parameters in one array, (W,); the inputs say their sizes where it is built."""
        ...

    def at(self, vector: Any) -> Network:
        """The same network with other parameters, which get a gradient even from frozen calls."""
        ...
