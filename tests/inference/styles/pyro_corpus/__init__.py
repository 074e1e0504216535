"""Pyro programs written by hand in the manner of its examples and of its users' questions."""

from __future__ import annotations

# Imported for what they register.
from pyro_corpus import (
    arguments,  # noqa: F401
    autoguides,  # noqa: F401
    calling,  # noqa: F401
    deep,  # noqa: F401
    discrete,  # noqa: F401
    hierarchical,  # noqa: F401
    networks,  # noqa: F401
    processes,  # noqa: F401
    series,  # noqa: F401
)
from pyro_corpus.registry import PROGRAMS, Program, arguments_of

__all__ = ["PROGRAMS", "Program", "arguments_of"]
