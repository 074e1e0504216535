"""Where networks went: an import of an old path fails with the new one in its message."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_NETWORKS = "ppl_models.networks"
_FOLDER = Path(__file__).parent / "networks"
_RENAMED = {"frames": "step_laws", "frames_numpyro": "step_laws_numpyro"}


def new_path(name: str) -> str:
    """The path of a network that was named without its sub-folder; empty if there is none.

    Args:
        name: the full name of a module, such as `ppl_models.networks.nade`.
    """
    package, _, last = name.rpartition(".")
    if package != _NETWORKS or last == "__init__" or not last.isidentifier():
        return ""
    last = _RENAMED.get(last, last)
    found = [path.parent.name for path in _FOLDER.glob(f"*/{last}.py")]
    return f"{_NETWORKS}.{found[0]}.{last}" if found else ""


class Signpost:
    """The last finder that Python asks: it finds nothing, and says where the network lies."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse an old path.

        Raises:
            ModuleNotFoundError: with the new path in its message. It has no `name`, by which
                `from ppl_models.networks import nade` would say "cannot import name" instead.
        """
        del path, target
        new = new_path(name)
        if new:
            raise ModuleNotFoundError(f"{name} has moved: import {new}.")
        return None


def put_up() -> None:
    """Let imports of old paths say where the networks went."""
    if Signpost not in sys.meta_path:
        sys.meta_path.append(Signpost)
