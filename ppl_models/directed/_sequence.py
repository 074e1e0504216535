"""What pairs of sequences share: their lengths, and what does not fit; Pyro."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.sequences import check_sequences


class SequencePair(PyroPair):
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

    def check_batch(self, x: NDArray[Any], lengths: NDArray[Any] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Refuse another shape, a symbol that is not in the alphabet, a length out of range.

        Raises:
            ValueError: naming the argument, what was expected and what came.
        """
        check_sequences(x, lengths, self.data_shape, self.alphabet)

    def _inside(self, x: Tensor | None, lengths: Tensor | None) -> Tensor | None:
        """Which steps belong to their sequence, (N, length); refuses what does not fit."""
        if x is not None:
            given = None if lengths is None else lengths.cpu().numpy()
            self.check_batch(x.detach().cpu().numpy(), given)
        if lengths is None:
            return None
        return torch.arange(self.length, device=lengths.device) < lengths.unsqueeze(-1)
