"""NumPyro programs written by hand in the manner of its examples and of its users' questions."""

from __future__ import annotations

# Imported for what they register.
from numpyro_corpus import (
    arguments,  # noqa: F401
    autoguides,  # noqa: F401
    calling,  # noqa: F401
    counts,  # noqa: F401
    deep,  # noqa: F401
    discrete,  # noqa: F401
    handled,  # noqa: F401
    hierarchical,  # noqa: F401
    networks,  # noqa: F401
    series,  # noqa: F401
    unnamed,  # noqa: F401
)
from numpyro_corpus.registry import PROGRAMS, Program

__all__ = ["PROGRAMS", "Program"]
