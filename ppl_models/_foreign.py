"""Whether `inference` is ours: another distribution has the same import name, and overwrites it."""

from __future__ import annotations

import importlib.util
import warnings
from importlib.metadata import packages_distributions
from pathlib import Path

_OURS = "ppl-model-zoo"
_MARK = "How generative models learn, and how well"  # the first words of our inference/__init__.py


def what_is_wrong() -> str:
    """A sentence about an `inference` that is not this package's; empty where it is.

    Nothing of it is run.
    """
    try:
        spec = importlib.util.find_spec("inference")
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return (
            "there is no package inference, which ppl_models comes with. Install both anew: "
            f"pip install --force-reinstall --no-deps {_OURS}."
        )
    found = Path(spec.origin)
    try:
        if _MARK in found.read_text(encoding="utf-8"):
            return ""
    except (OSError, UnicodeDecodeError):
        pass
    others = [name for name in packages_distributions().get("inference", ()) if name != _OURS]
    name = others[0] if others else "THE-OTHER-ONE"
    return (
        f"the package inference at {found.parent} is not that of {_OURS}: a distribution of the "
        f"same import name{f', {name},' if others else ''} has taken its place. Take it away and "
        f"put ours back: pip uninstall {name} && pip install --force-reinstall --no-deps {_OURS}; "
        "or keep the two in environments of their own."
    )


def warn() -> None:
    """Say so as a warning."""
    wrong = what_is_wrong()
    if wrong:
        warnings.warn(wrong, stacklevel=3)
