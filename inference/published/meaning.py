"""What a model's file means: a hash that comments, docstrings and layout do not change."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

_NETWORKS = "ppl_models.networks"


def meaning(module: str) -> str:
    """12 hex digits of what a module says, and the private modules beside it that it imports.

    Hashed is the syntax tree without docstrings, so that a text or a line break changes nothing,
    and a changed constant does. Networks and distributions of other folders are not followed; a
    network counts by the name of its file, in whichever sub-folder of `networks` that lies.

    Args:
        module: such as `"ppl_models.directed.vae_numpyro"`; it is read and not run.

    Returns:
        The hash; empty if there is no such module.
    """
    path = source_of(module)
    return "" if path is None else meaning_of(path, module.rpartition(".")[0])


def meaning_of(path: Path, package: str) -> str:
    """The same for a file, with the package that it is in."""
    found = hashlib.sha256()
    for each in _with_siblings(path, package):
        tree = ast.parse(each.read_text(encoding="utf-8"))
        _drop_docstrings(tree)
        _drop_folders(tree)
        found.update(repr(_said(tree)).encode())
    return found.hexdigest()[:12]


def source_of(module: str) -> Path | None:
    """The file of a module, without running it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _with_siblings(path: Path, package: str) -> Iterator[Path]:
    yield path
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in sorted(name for name in names if name and name.startswith(f"{package}._")):
        yield path.with_name(f"{name.rpartition('.')[2]}.py")


def _drop_docstrings(tree: ast.Module) -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]


def _drop_folders(tree: ast.Module) -> None:
    """Name networks without their sub-folder, and sort their imports as they are then sorted.

    Names of files are unique among the networks, so that no other network has the same name.
    """
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            held = getattr(node, field, None)
            if isinstance(held, list):
                runs = [[*run] for _, run in groupby(held, _is_of_the_zoo)]
                setattr(node, field, [each for run in runs for each in _renamed(run)])


def _is_of_the_zoo(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("ppl_models.")


def _renamed(run: list[Any]) -> list[Any]:
    """Neighbouring statements; imports of the zoo are put in order if one of them is renamed."""
    names = [_without_folder(node.module) for node in run if _is_of_the_zoo(node)]
    if not names or names == [node.module for node in run]:
        return run
    for node, name in zip(run, names, strict=True):
        node.module = name
    return sorted(run, key=lambda node: node.module)


def _without_folder(module: str) -> str:
    """`ppl_models.networks.nade` of `ppl_models.networks.autoregression.nade`."""
    place = source_of(_NETWORKS)
    folder, _, rest = module.removeprefix(f"{_NETWORKS}.").partition(".")
    if place is None or not module.startswith(f"{_NETWORKS}."):
        return module
    is_folder = place.with_name(folder).is_dir()
    return f"{_NETWORKS}.{rest}".rstrip(".") if is_folder else module


def _said(node: Any) -> Any:
    """A tree as lists of names and values, without what is empty: the same on any Python.

    (`ast.dump` has other fields from one version to the next.)
    """
    if isinstance(node, list):
        return [_said(each) for each in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]
    fields = [
        (name, _said(value)) for name, value in ast.iter_fields(node) if value not in (None, [])
    ]
    return [type(node).__name__, *fields]
