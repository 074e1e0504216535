"""A comparison as a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.data.drawn_rows import FIRST_IS_ROWS
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.training.reading import MEGABYTE, read_regular

EXAMPLE = """\
title = "Belief net and VAE"
data = "digits"                      # or { name = "mnist", binarisation = "static" }
seeds = 3
budget = { epochs = 50 }             # or steps, or seconds
metrics = ["bound", "log_likelihood:num_particles=1000", "seconds"]
rows = 200                           # score so many test rows, drawn by rows_seed; all without it

[fit]                                # keywords of fit, for all
learning_rate = 1e-3

[pairs.vae]                          # what comes after model and engine is for the model
model = "vae"
engine = "numpyro"
latent_dim = 8

[objectives]
ELBO = "elbo"
IWAE = { objective = "iwae:num_particles=5", learning_rate = 3e-3 }
"""
_SEE = "`ppl-zoo compare --example` prints one."
_KEYS = {
    *("title", "data", "seeds", "budget", "metrics", "fit", "pairs", "objectives"),
    *("out", "workers", "executor", "rows", "rows_seed"),
}


@dataclass(frozen=True)
class Spec:
    """What a file asks for.

    Attributes:
        title: of the report.
        data: name and options of `ppl_models.datasets.load`.
        pairs: label to model, engine and hyperparameters.
        objectives: label to objective string, or to one with keywords of `fit`.
        arguments: the other arguments of `compare`.
    """

    title: str
    data: tuple[str, dict[str, Any]]
    pairs: dict[str, tuple[str, str | None, dict[str, Any]]]
    objectives: dict[str, Any]
    arguments: dict[str, Any] = field(default_factory=dict)


def read_spec(path: str | Path) -> Spec:
    """Read a comparison's file.

    Raises:
        ArgumentError: if it cannot be read or an entry is not right, with what was expected.
    """
    try:
        found = tomllib.loads(read_regular(Path(path), MEGABYTE, links=True).decode())
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"{path} is no TOML: {error}. {_SEE}") from error
    if "first" in found:
        raise ArgumentError(f"{path}: {FIRST_IS_ROWS.format('first', 'rows', 'rows_seed')}")
    unknown = sorted(found.keys() - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise ArgumentError(f"{path}: there is no entry {unknown[0]!r}; there are {known}. {_SEE}")
    for key in ("data", "budget", "pairs", "objectives"):
        if not found.get(key):
            raise ArgumentError(f"{path}: the entry {key!r} is missing. {_SEE}")
    for key in ("budget", "pairs", "objectives", "fit"):
        if not isinstance(found.get(key, {}), dict):
            raise ArgumentError(f"{path}: {key!r} must be a table, got {shown(found[key])}.")
    own = ("seeds", "budget", "metrics", "rows", "rows_seed", "out", "workers", "executor")
    arguments = {key: found[key] for key in own if key in found}
    return Spec(
        title=str(found.get("title", Path(path).stem)),
        data=_data(path, found["data"]),
        pairs={label: _pair(path, label, entry) for label, entry in found["pairs"].items()},
        objectives={
            label: _objective(path, label, entry) for label, entry in found["objectives"].items()
        },
        arguments={**arguments, **found.get("fit", {})},
    )


def _data(path: Any, entry: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
        return entry["name"], {key: value for key, value in entry.items() if key != "name"}
    raise ArgumentError(
        f'{path}: data must be a name such as "digits", or a table such as '
        f'{{ name = "mnist", binarisation = "static" }}; got {shown(entry)}.'
    )


def _pair(path: Any, label: str, entry: Any) -> tuple[str, str | None, dict[str, Any]]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("model"), str):
        raise ArgumentError(
            f"{path}: pairs.{label} must be a table with model = one of `ppl-zoo list`; got "
            f"{shown(entry)}."
        )
    rest = {key: value for key, value in entry.items() if key not in ("model", "engine")}
    return entry["model"], entry.get("engine"), rest


def _objective(path: Any, label: str, entry: Any) -> Any:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, Mapping) and isinstance(entry.get("objective"), str):
        own = {key: value for key, value in entry.items() if key != "objective"}
        return entry["objective"], own
    raise ArgumentError(
        f'{path}: objectives.{label} must be a string such as "iwae:num_particles=5", or a table '
        f"with objective = such a string; got {shown(entry)}."
    )
