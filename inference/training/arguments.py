"""The arguments of `fit`, other than the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.arguments import check_count, check_number, check_positive, check_seed
from inference.data.training_data import TrainingData
from inference.descriptions import answers_anything, has, shown
from inference.errors import ArgumentError
from inference.objectives import Objective
from inference.pairs import check_pair_type


def check_arguments(
    pair: Any,
    objective: Any,
    *,
    whole: Mapping[str, Any],
    positive: Mapping[str, Any],
    seed: Any,
    device: Any,
    average_decay: Any,
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
        average_decay: None, or a number from 0 to 1.
        checkpoint_seconds: zero or positive.
        progress: True, False or `"auto"`.

    Raises:
        ArgumentError: naming the argument.
    """
    for name, value in whole.items():
        check_count(name, value, optional=name != "batch_size")
    for name, value in positive.items():
        check_positive(name, value, optional=True)
    if whole["epochs"] is None and whole["steps"] is None and positive["seconds"] is None:
        raise ArgumentError("say how long to train: pass epochs=, steps= or seconds=.")
    check_pair_type(pair)
    check_seed(seed)
    usable = isinstance(objective, str) or callable(objective) or has(objective, "loss")
    usable = usable and not (answers_anything(objective) or has(objective, "guide"))
    if isinstance(objective, type) or not usable:
        # Trace_ELBO()(model, guide) is a network of its own, with both inside.
        bound = " Pass the loss without the pair, such as Trace_ELBO()."
        raise ArgumentError(
            "objective must be an objective such as ELBO(), its string form such as 'elbo', or one "
            f"of the engine's own loss objects; got {shown(objective)}."
            + (bound if "ELBO" in type(objective).__name__ and has(objective, "guide") else "")
        )
    if device is not None and (not isinstance(device, str) or not device):
        raise ArgumentError(f"device must be a name such as 'cpu' or 'cuda', got {shown(device)}.")
    if average_decay is not None:
        check_number("average_decay", average_decay, least=0, most=1)
    check_number("checkpoint_seconds", checkpoint_seconds, least=0)
    if not isinstance(progress, (bool, str)) or progress not in (True, False, "auto"):
        raise ArgumentError(f"progress must be True, False or 'auto', got {shown(progress)}.")


def check_judge(judge: Any, objective: Any, prepared: TrainingData) -> None:
    """Refuse a judge that has nothing to judge.

    Raises:
        ArgumentError: naming what is missing.
    """
    if judge is None:
        return
    if not isinstance(judge, Objective) or judge.owns or judge.unit != Objective.unit:
        raise ArgumentError(
            "valid_objective must be a bound on the likelihood without parameters of its own, such "
            f"as ELBO() or VIMCO(num_particles=16), or its string form; got {shown(judge)}."
        )
    if not prepared.valid:
        raise ArgumentError("valid_objective= needs validation data; pass valid=.")
    unit = getattr(objective, "unit", Objective.unit)
    if unit != Objective.unit:
        raise ArgumentError(
            f"{objective!r} is no bound on the likelihood (its unit is {unit}), so that no bound "
            "belongs beside it; leave valid_objective= out."
        )
