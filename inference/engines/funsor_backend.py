"""Funsor's backend, one for the whole process, where programs of both libraries run in it."""

from __future__ import annotations

import sys
from typing import Any


def use_in_funsor(backend: str, library: str) -> None:
    """Let funsor compute with the framework of the library that is about to run.

    NumPyro's enumeration and Pyro's `contrib.funsor` each set it when they are imported, so that
    the one imported last would break the other.

    Args:
        backend: `"jax"` or `"torch"`.
        library: `"numpyro"` or `"pyro"`, whose use of funsor is looked for among the modules.
    """
    funsor: Any = sys.modules.get("funsor")
    if funsor is None or f"{library}.contrib.funsor" not in sys.modules:
        return
    if funsor.get_backend() != backend:
        funsor.set_backend(backend)
