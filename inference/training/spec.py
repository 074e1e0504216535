"""The spec of a run: everything that is needed to repeat it, as JSON."""

from __future__ import annotations

import functools
import hashlib
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from inference.data.arrays import array_id
from inference.data.training_data import TrainingData
from inference.descriptions import answers_anything, has, name_of, plain, shown, versions
from inference.errors import ArgumentError
from inference.objectives import Objective, describe_objective
from inference.program.trainer import Settings


def run_spec(
    pair: dict[str, Any],
    objective: Any,
    prepared: TrainingData,
    settings: Settings,
    patience: int | None,
    budget: dict[str, Any],
) -> dict[str, Any]:
    """Everything that is needed to repeat the run, in terms of JSON."""
    return {
        "pair": pair,
        "objective": describe_objective(objective),
        "data": {
            "id": prepared.identity,
            "valid": array_id(prepared.valid) if prepared.valid else None,
            "image_shape": plain(prepared.image_shape),
        },
        "training": {
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
            "optimizer": fingerprint(settings.optimiser),
            "schedule": fingerprint(settings.schedule),
            "clip_norm": settings.clip_norm,
            "patience": patience,
            **_judged(settings.judge),
            **_averaged(settings.average_decay),
            "seed": settings.seed,
            "device": settings.device,
        },
        "budget": budget,
        "versions": versions(),
    }


def _judged(judge: Objective | None) -> dict[str, str]:
    """The spec's word for who judges; none where the objective does, as in older specs."""
    return {} if judge is None else {"valid_objective": describe_objective(judge)}


def _averaged(decay: float | None) -> dict[str, float]:
    """The spec's word for averages; none where there are none, as in older specs."""
    return {} if decay is None else {"average_decay": decay}


def fingerprint(value: Any) -> Any:
    """A name for an optimiser, a schedule or a function, which changes with its settings.

    The settings may hide in attributes, partials and closures (as optax's do), so they are told
    apart by a hash of all the numbers and strings that can be reached. Arrays count by shape only.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    try:
        digest = hashlib.sha256(repr(_anatomy(value, set())).encode()).hexdigest()
    except RecursionError:
        raise ArgumentError(
            f"{shown(value)} cannot be told apart from others by what it holds, for it holds "
            "itself, or lists in lists without end; pass a function or an object instead."
        ) from None
    return f"{name_of(value)}#{digest[:8]}"


def _anatomy(value: Any, seen: set[int]) -> Any:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return value
    if isinstance(value, dict):
        return sorted((str(key), repr(_anatomy(item, seen))) for key, item in value.items())
    if isinstance(value, functools.partial):
        return [_anatomy(part, seen) for part in (value.func, value.args, value.keywords)]
    if answers_anything(value):  # a mock, whose attributes are made as they are asked for
        return name_of(value)
    if has(value, "shape", "dtype"):
        return str(value.shape)
    if isinstance(value, (list, tuple)):
        return [_anatomy(item, seen) for item in value]
    if isinstance(value, MethodType):
        return [_anatomy(value.__func__, seen), _anatomy(value.__self__, seen)]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, [_anatomy(part, seen) for part in value.co_consts]]
    if isinstance(value, (type, ModuleType)) or id(value) in seen:
        return getattr(value, "__qualname__", type(value).__qualname__)
    seen.add(id(value))
    if isinstance(value, FunctionType):
        cells = [_cell(cell) for cell in value.__closure__ or ()]
        inside = [value.__code__, value.__defaults__, value.__kwdefaults__, *cells]
        return [name_of(value), *(_anatomy(part, seen) for part in inside)]
    return [name_of(value), _anatomy(getattr(value, "__dict__", None), seen)]


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def difference(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> str | None:
    """The first entry in which two specs differ, in words; None if there is none."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            return difference(before, after, f"{prefix}{key}.")
        return f"{prefix}{key} was {_short(before)} and is now {_short(after)}"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
