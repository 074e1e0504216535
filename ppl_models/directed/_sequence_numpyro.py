"""What pairs of sequences share: their lengths, and what does not fit; NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models.networks.sequences import check_sequences


class SequencePair(Pair):
    """The base of `_sequence.py` on NumPyro."""

    engine = "numpyro"
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

    def _inside(self, x: jax.Array | None, lengths: jax.Array | None) -> jax.Array | None:
        """Which steps belong to their sequence, (N, length); refuses what does not fit."""
        if x is not None and not isinstance(x, Tracer):
            self.check_batch(np.asarray(x), None if lengths is None else np.asarray(lengths))
        if lengths is None:
            return None
        return jnp.arange(self.length) < jnp.asarray(lengths)[..., None]
