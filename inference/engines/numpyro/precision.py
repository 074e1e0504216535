"""The type of real numbers that a pair computes in."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def precision(pair: Any) -> type[np.floating[Any]]:
    """Float64 where jax has been told so (`numpyro.enable_x64()`), for every pair alike."""
    del pair
    return np.float64 if jax.dtypes.canonicalize_dtype(np.float64) == np.float64 else np.float32
