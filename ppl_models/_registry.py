"""The registry: file names are model names, so listing imports no framework.

`<family>/<name>.py` holds the Pyro pair and `<family>/<name>_numpyro.py` its NumPyro sibling. Each
file names its pair class, alone, in `__all__`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ppl_models._pair import Card, Pair

_ROOT = Path(__file__).parent
_NOT_FAMILIES = {"cards", "classical", "datasets", "networks"}
_SUFFIX = {"pyro": "", "numpyro": "_numpyro"}


def _modules() -> dict[str, dict[str, str]]:
    """Model name to engine to dotted module, read from the folder alone."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_ROOT.glob("*/*.py")):
        family, stem = path.parent.name, path.stem
        if family in _NOT_FAMILIES or stem.startswith("_"):
            continue
        name = stem.removesuffix("_numpyro")
        engine = "pyro" if name == stem else "numpyro"
        found.setdefault(name, {})[engine] = f"ppl_models.{family}.{stem}"
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the known names that look most like `name`."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}Known: {', '.join(known)}."


def _find(name: str) -> dict[str, str]:
    modules = _modules()
    if name not in modules:
        raise ValueError(f"There is no model {name!r}. {_nearest(name, modules)}")
    return modules[name]


def _check_engine(engine: str) -> None:
    if engine not in _SUFFIX:
        raise ValueError(f"There is no engine {engine!r}. {_nearest(engine, _SUFFIX)}")


def list_models(pattern: str = "*", *, engine: str | None = None) -> list[str]:
    """Names of the models whose name matches a shell pattern.

    Args:
        pattern: for example `"*vae*"`.
        engine: only models that have a pair on this engine.

    Raises:
        ValueError: if the engine is unknown.
    """
    if engine is not None:
        _check_engine(engine)
    return [
        name
        for name, engines in sorted(_modules().items())
        if fnmatchcase(name, pattern) and (engine is None or engine in engines)
    ]


def info(name: str) -> Card:
    """The model's card: story, sites, reference, measured numbers beside published ones.

    Raises:
        ValueError: if the name is unknown; the nearest names are in the message.
    """
    engines = _find(name)
    family = next(iter(engines.values())).split(".")[1]
    return Card.read(_ROOT / "cards" / f"{name}.md", family=family, engines=tuple(sorted(engines)))


def create(name: str, *, engine: str = "numpyro", **hyperparameters: Any) -> Pair:
    """Build a model/guide pair by name.

    Args:
        name: one of `list_models()`.
        engine: `"numpyro"` or `"pyro"`.
        **hyperparameters: the pair's own keywords, among them `seed`, from which its initial
            parameters are drawn. `info(name)` and the class's docstring list them.

    Raises:
        ValueError: if the model or the engine is unknown, or a hyperparameter is out of range.
        TypeError: if the pair has no such hyperparameter.
    """
    _check_engine(engine)
    engines = _find(name)
    if engine not in engines:
        raise ValueError(f"{name!r} has no {engine} pair; it exists for: {', '.join(engines)}.")
    module = importlib.import_module(engines[engine])
    pair_class = getattr(module, module.__all__[0])
    accepted = inspect.signature(pair_class).parameters
    unknown = sorted(set(hyperparameters) - set(accepted))
    if unknown:
        raise TypeError(
            f"{name!r} has no hyperparameter {unknown[0]!r}. {_nearest(unknown[0], accepted)}"
        )
    return pair_class(**hyperparameters)
