"""The base of NumPyro pairs of sequences: which steps belong to them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ppl_models._batches import Sequences


class SequencePair(Sequences):
    """A pair of sequences on NumPyro."""

    engine = "numpyro"

    def _inside(self, x: jax.Array | None, lengths: jax.Array | None) -> jax.Array | None:
        """Which steps belong to their sequence, (N, length); refuses what does not fit."""
        if x is not None and not isinstance(x, Tracer):
            self.check_batch(np.asarray(x), None if lengths is None else np.asarray(lengths))
        if lengths is None:
            return None
        return jnp.arange(self.length) < jnp.asarray(lengths)[..., None]
