"""The public names of the package, read from its stub, each imported when it is first used."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lazy_loader


def attach(
    package: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What `lazy_loader.attach_stub` gives, for a stub that may say `from .module import *`, too.

    Args:
        package: the package's name.
        file: its `__init__.py`, with the stub beside it.

    Returns:
        Its `__getattr__`, `__dir__` and `__all__`.
    """
    modules, names = _said(Path(file).with_suffix(".pyi"))
    return lazy_loader.attach(package, modules, names)


def _said(path: Path) -> tuple[set[str], dict[str, list[str]]]:
    """The modules and, by module, the names that a file imports from within its folder."""
    modules: set[str] = set()
    names: dict[str, list[str]] = {}
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        taken = [alias.name for alias in node.names]
        if node.module is None:
            modules.update(taken)
        elif taken == ["*"]:
            listed = path.parent.joinpath(*node.module.split(".")).with_suffix(".py")
            taken = [name for found in _said(listed)[1].values() for name in found]
            names.setdefault(node.module, []).extend(taken)
        else:
            names.setdefault(node.module, []).extend(taken)
    return modules, names
