"""How a running fit shows itself: a bar in a terminal or notebook, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_MESSAGES = 0.5  # to a notebook, which keeps all of them


class Progress:
    """Shows steps, loss and validation bound; a context manager.

    Args:
        total: the last step, or None if only a time budget is known.
        start: the first step.
        show: True, False, or `"auto"`, which writes plain lines where there is neither a terminal
            nor a notebook.
        steps_per_epoch: to count epochs, if it is known.
    """

    def __init__(
        self, total: int | None, start: int, *, show: bool | str, steps_per_epoch: int | None
    ) -> None:
        self.total = total
        self.start = start
        self.steps_per_epoch = steps_per_epoch
        self.kind = _kind() if show else "none"
        self.bar: Any = None
        self.last_line = time.monotonic()
        self.note = ""

    def __enter__(self) -> Progress:
        settings: dict[str, Any] = {
            "total": self.total,
            "initial": self.start,
            "unit": "step",
            "dynamic_ncols": True,
        }
        if self.kind == "notebook":
            from tqdm.notebook import tqdm as notebook_bar

            self.bar = notebook_bar(**settings, mininterval=_SECONDS_BETWEEN_MESSAGES)
        elif self.kind == "terminal":
            from tqdm import tqdm

            self.bar = tqdm(**settings)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, step: int, loss: float) -> None:
        """Show the step that was reached and the loss there, in nats per datum."""
        epoch = "" if not self.steps_per_epoch else f"epoch {step / self.steps_per_epoch:.1f}, "
        text = f"{epoch}loss {loss:.2f}{self.note}"
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(step - self.bar.n)
        elif self.kind == "lines" and time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            of = "" if self.total is None else f"/{self.total}"
            print(f"step {step}{of}: {text}", file=sys.stderr, flush=True)

    def validated(self, bound: float) -> None:
        """Remember the validation bound, in nats per datum, for the next line."""
        self.note = f", valid bound {bound:.2f}"


@contextlib.contextmanager
def counting(what: str, total: int, done: int, *, show: bool) -> Iterator[Callable[[], None]]:
    """Counts up to a total: a bar in a terminal or notebook, a line for each elsewhere.

    Args:
        what: is counted, in the plural.
        total: how many there are.
        done: how many are done already.
        show: whether to show anything.

    Yields:
        What is called when one more is done.
    """
    if show and _kind() == "lines":
        number = done

        def say() -> None:
            nonlocal number
            number += 1
            print(f"{number} of {total} {what}", file=sys.stderr, flush=True)

        yield say
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, disable=not show) as bar:

        def step() -> None:
            bar.update()

        yield step


def _kind() -> str:
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    if type(shell).__name__ == "ZMQInteractiveShell":
        return "notebook" if find_spec("ipywidgets") else "lines"
    return "terminal" if sys.stderr.isatty() else "lines"
