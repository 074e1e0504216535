"""What can go wrong, by kind. Every message names the thing, what was expected, and the remedy."""

from __future__ import annotations

import sys
import warnings
from typing import Any


class ZooError(Exception):
    """Base of the errors that this package raises about what a user passed."""


class ArgumentError(ZooError, ValueError):
    """An argument that has no meaning here."""


class DataError(ZooError, ValueError):
    """Data that the pair cannot score: wrong shape or type, outside the support, not finite."""


class PairError(ZooError, ValueError):
    """A model and a guide that do not fit together, or that fail on the data."""


class ObjectiveError(ZooError, ValueError):
    """An objective that is not valid for the pair."""


class DivergenceError(ZooError, FloatingPointError):
    """A loss that stopped being finite.

    Attributes:
        run: the run as it was at its last good state, or None if there was none.
    """

    run: Any = None  # a `Run`, which lives floors above


class RunFolderError(ZooError, OSError):
    """A run folder that cannot be written, read, or resumed."""


def warn_user(said: str) -> None:
    """Warn at the line outside of this package that led here, which is the one to mend."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("inference."):
        level, frame = level + 1, frame.f_back
    warnings.warn(said, UserWarning, stacklevel=level)
