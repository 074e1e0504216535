"""Checks on what a user passes, other than the data."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from inference.engines.batches import Batch
from inference.engines.recorded import raising_line
from inference.errors import ArgumentError, PairError, ZooError
from inference.pairs import check_pair_type

T = TypeVar("T")


def check_arguments(
    pair: Any,
    objective: Any,
    *,
    whole: Mapping[str, Any],
    positive: Mapping[str, Any],
    seed: Any,
    device: Any,
    checkpoint_seconds: Any,
    progress: Any,
) -> None:
    """Check the arguments of `fit` by themselves.

    Args:
        pair: the pair.
        objective: the objective.
        whole: arguments by name that are None or whole numbers of at least 1.
        positive: arguments by name that are None or positive.
        seed: the seed.
        device: the device.
        checkpoint_seconds: zero or positive.
        progress: True, False or `"auto"`.

    Raises:
        ArgumentError: naming the argument.
    """
    for name, value in whole.items():
        check_positive(name, value)
    for name, value in positive.items():
        check_positive(name, value, whole=False)
    if whole["epochs"] is None and whole["steps"] is None and positive["seconds"] is None:
        raise ArgumentError("say how long to train: pass epochs=, steps= or seconds=.")
    check_pair_type(pair)
    check_seed(seed)
    usable = isinstance(objective, str) or callable(objective) or hasattr(objective, "loss")
    if isinstance(objective, type) or not usable:
        raise ArgumentError(
            "objective must be an objective such as ELBO(), its string form such as 'elbo', or one "
            f"of the engine's own loss objects; got {objective!r}."
        )
    if device is not None and not isinstance(device, str):
        raise ArgumentError(f"device must be a name such as 'cpu' or 'cuda', got {device!r}.")
    if checkpoint_seconds != 0:
        check_positive("checkpoint_seconds", checkpoint_seconds, whole=False)
    if progress not in (True, False, "auto"):
        raise ArgumentError(f"progress must be True, False or 'auto', got {progress!r}.")


def check_seed(seed: Any) -> None:
    """Check a seed.

    Raises:
        ArgumentError: if it is not a whole number that both frameworks take.
    """
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**63:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**63 - 1, got {seed!r}.")


def check_positive(name: str, value: Any, *, whole: bool = True) -> None:
    """Check an optional positive argument.

    Raises:
        ArgumentError: naming the argument.
    """
    if value is None:
        return
    right = isinstance(value, numbers.Integral if whole else numbers.Real)
    if isinstance(value, bool) or not right or not 0 < float(value) < float("inf"):
        kind = "whole number of at least 1" if whole else "positive number"
        raise ArgumentError(f"{name} must be a {kind}, got {value!r}.")


def explaining(run: Callable[[Any], T], batch: Batch | tuple[Any, ...]) -> T:
    """Run a pair for the first time.

    Raises:
        PairError: if it fails, naming the shapes that it was given and the line of the program.
    """
    try:
        return run(batch)
    except ZooError:
        raise
    except Exception as error:
        arrays = batch.arrays if isinstance(batch, Batch) else batch
        shapes = ", ".join(str(array.shape) for array in arrays) or "()"
        where = raising_line(error)
        raise PairError(
            f"the pair fails on a batch of shape {shapes}{f' at {where}' if where else ''}: "
            f"{type(error).__name__}: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else 'no message'} "
            "Call model and guide on such a batch by hand to see where."
        ) from error
