"""The type of real numbers that a pair computes in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import numpyro


def precision(pair: Any) -> type[np.floating[Any]]:
    """Float64 where jax has been told so (`numpyro.enable_x64()`), for every pair alike."""
    del pair
    return np.float64 if jax.dtypes.canonicalize_dtype(np.float64) == np.float64 else np.float32


@contextlib.contextmanager
def for_checks(*, double: bool) -> Iterator[None]:
    """The precision of a check, which compiles what it runs, also under `jax.disable_jit()`.

    Values outside of a support have the densities that training gives them, and no `-inf`: which
    values those are is a question of its own.

    Args:
        double: whether it is float64.
    """
    with (
        jax.enable_x64(double),
        jax.disable_jit(disable=False),
        numpyro.validation_enabled(False),
    ):
        yield
