"""The base of NumPyro pairs whose parameters are plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpyro
from jax import Array

from ppl_models._pair import Pair


class ArrayPair(Pair):
    """A pair with parameters by name, in place of networks.

    Attributes:
        initial: name to initial value.
    """

    engine = "numpyro"
    initial: Mapping[str, Any]

    def _param(self, name: str) -> Array:
        """The parameter of this name, on the program's tape."""
        return jnp.asarray(numpyro.param(name, jnp.asarray(self.initial[name])))
