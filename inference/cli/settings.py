"""Hyperparameters as words: what a pair takes, read from its source, and what `--set` says."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.literals import literal
from ppl_models import Card
from ppl_models._registry import find_place


@dataclass(frozen=True)
class Hyperparameter:
    """A keyword of a pair's constructor: its default as written, and what its docstring says."""

    default: str
    meaning: str


def hyperparameters(card: Card, engine: str) -> dict[str, Hyperparameter]:
    """The constructor's keywords, read from the pair's source, so that no framework is imported.

    Returns:
        Name to hyperparameter; empty where the model is not on this engine, or inherits its
        constructor.
    """
    if engine not in card.engines:
        return {}
    place = find_place(card.name)
    pair, meanings = place.pair_class(engine), meanings_of(place.description(engine))
    for node in pair.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            return {
                keyword.arg: Hyperparameter(
                    default="required" if default is None else ast.unparse(default),
                    meaning=meanings.get(keyword.arg, ""),
                )
                for keyword, default in keywords
            }
    return {}


def meanings_of(docstring: str) -> dict[str, str]:
    """Name to text of the `Args:` section of a Google-style docstring."""
    _, _, section = inspect.cleandoc(docstring).partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def parse_settings(items: Sequence[str], accepted: dict[str, Hyperparameter]) -> dict[str, Any]:
    """Hyperparameters from `KEY=VALUE` words: see `literal`.

    Args:
        items: for example `["latent_dim=20", "hidden=200,200", "activation=relu"]`.
        accepted: what the pair takes; a single value becomes a tuple where the default is one.

    Raises:
        ArgumentError: if an item is not of that form.
    """
    settings: dict[str, Any] = {}
    for item in items:
        key, equals, text = (part.strip() for part in item.partition("="))
        if not equals or not key.isidentifier() or not text:
            raise ArgumentError(
                f"--set must be KEY=VALUE, for example --set latent_dim=20; got {shown(item)}."
            )
        if key in settings:
            raise ArgumentError(f"--set {key} is given twice; give it once.")
        value = literal(text)
        listed = key in accepted and isinstance(literal(accepted[key].default), tuple)
        settings[key] = (value,) if listed and not isinstance(value, (tuple, list)) else value
    return settings
