"""What pairs take that take more than x: a condition, labels, or the lengths of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models.networks.observations.condition import (
    Condition,
    OptionalClasses,
    OptionalCondition,
    check_labels,
)
from ppl_models.networks.sequences import check_sequences


class Conditioned(Pair):
    """A pair that takes y beside x, always or where it is built to: p(x | y).

    Attributes:
        condition: what y may be.
    """

    condition: Condition | OptionalClasses | OptionalCondition

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a condition that is missing, is not the pair's, or that it does not take."""
        self.condition.check_batch(arrays)

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data, and a condition where there is one."""
        return (*super().example(), *self.condition.example())


class PartlyLabelled(Pair):
    """A pair that takes a class y for each row beside x, -1 where it is not known.

    Attributes:
        classes: how many there are.
    """

    classes: int

    def check_batch(self, *arrays: Any) -> None:
        """Refuse labels that are not classes, or -1, one for each row."""
        if len(arrays) > 1:
            check_labels(np.asarray(arrays[1]), self.classes, len(arrays[0]), missing=True)


class Sequences(Pair):
    """A pair that takes `lengths` beside x: how many steps of each row belong to its sequence.

    Attributes:
        length: steps that a row of x has room for.
        alphabet: how many symbols there are, None where x is real.
    """

    length: int
    alphabet: int | None = None

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one row of `x`."""
        return (self.length, self.data_dim) if self.alphabet is None else (self.length,)

    def check_batch(self, *arrays: Any) -> None:
        """Refuse another shape, a symbol that is not in the alphabet, a length out of range.

        Raises:
            ValueError: naming the argument, what was expected and what came.
        """
        x, *lengths = arrays
        check_sequences(x, lengths[0] if lengths else None, self.data_shape, self.alphabet)
