"""Programs that ask for the values of their data while they are compiled.

`int(np.max(y))`, `len(np.unique(group))` or `if counts[0] > 0` of an array that NumPyro's own
`svi.run` holds as it is: a compiled step that takes the array as an argument has no values of it.
Such programs are compiled with their data in them, which only data that stay the same can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jax.errors import (
    ConcretizationTypeError,
    NonConcreteBooleanIndexError,
    TracerArrayConversionError,
    TracerIntegerConversionError,
)

from inference.errors import PairError
from inference.program.batches import Batch
from inference.program.records import raising_line

T = TypeVar("T")
# What jax raises where a value is asked for that is not known before the program runs.
ASKED = (
    ConcretizationTypeError,
    NonConcreteBooleanIndexError,
    TracerArrayConversionError,
    TracerIntegerConversionError,
)


class Constants:
    """Whether data are compiled in: not before a program has asked for their values.

    Args:
        whole: whether every step takes the same rows, so that they can be.

    Attributes:
        held: whether they are.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole, self.held = whole, False

    def trying(self, work: Callable[[], T], ask: Callable[[], Any] | None = None) -> T:
        """What some work returns, with the data compiled in if it asks for their values.

        Args:
            work: the work.
            ask: a trace of the program alone, to see whether it asks, where the work cannot be done
                with data that are compiled in.

        Raises:
            PairError: if it asks, and the data are drawn anew in each step.
        """
        try:
            return work()
        except ASKED as error:
            if self.held:
                raise
            if not self.whole and ask is not None:
                ask()
            return self._again(work, error)

    def _again(self, work: Callable[[], T], error: Exception) -> T:
        self.held = True
        try:
            found = work()
        except Exception:
            self.held = False  # it was no matter of the data, such as a branch on a latent's value
            raise error from None
        if not self.whole:
            self.held = False
            at = raising_line(error)
            raise PairError(
                f"the program asks for values of its data{f' ({at})' if at else ''}, as in "
                "int(np.max(y)) or len(np.unique(y)), which minibatches that are drawn in a "
                "compiled step do not have. Pass batch_size= as many as there are rows, bring "
                "batches of your own (an iterable of them), or work such numbers out beforehand "
                "and pass them as arguments."
            ) from error
        return found


class Held:
    """A batch that is compiled in, by its content."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self._digest = batch, batch.digest()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other._digest == self._digest
