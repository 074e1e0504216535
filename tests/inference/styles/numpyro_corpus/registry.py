"""One row for each program of the corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpyro.infer

Batch = tuple[Any, ...] | dict[str, Any]


@dataclass(frozen=True)
class Program:
    """A pair as somebody may write it, with what upstream's `SVI` needs to train it.

    Attributes:
        name: its name.
        idea: where such programs are met, in one line.
        build: `build(wrong=False)` makes model and guide anew, with or without the mistake.
        loss: makes the loss object of `numpyro.infer` that such programs are trained with.
        batches: makes the batches of a pass, as the program's signature takes them: a tuple of
            arguments by position or a dictionary of arguments by name.
        mistake: the one mistake that `build(wrong=True)` makes.
        whole: all data as a tuple of arrays, where only their number of rows tells the mistake.
        steps: how many steps to train.
    """

    name: str
    idea: str
    build: Callable[..., tuple[Any, Any]]
    loss: Callable[[], Any]
    batches: Callable[[], list[Batch]]
    mistake: str
    whole: Callable[[], tuple[Any, ...]] | None = None
    steps: int = 20

    def make(self) -> tuple[Any, Any]:
        """Model and guide, made anew."""
        return self.build(wrong=False)

    def make_wrong(self) -> tuple[Any, Any]:
        """The same with its mistake."""
        return self.build(wrong=True)

    def __str__(self) -> str:
        return self.name


PROGRAMS: list[Program] = []


def program(
    idea: str,
    *,
    loss: Callable[[], Any] | str,
    batches: Callable[[], list[Batch]],
    mistake: str,
    whole: Callable[[], tuple[Any, ...]] | None = None,
) -> Callable[[Callable[..., tuple[Any, Any]]], Callable[..., tuple[Any, Any]]]:
    """Register a function that makes a pair, under its own name.

    The loss may be named, in a file in which nothing shall be said of NumPyro.
    """
    made = getattr(numpyro.infer, loss) if isinstance(loss, str) else loss

    def register(build: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
        PROGRAMS.append(Program(build.__name__, idea, build, made, batches, mistake, whole))
        return build

    return register


def arguments(batch: Batch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A batch as arguments by position and by name."""
    return ((), batch) if isinstance(batch, dict) else (batch, {})
