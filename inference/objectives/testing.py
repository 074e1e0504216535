"""A test kit for objectives, the package's own and those of other packages.

from inference.objectives.testing import check_objective

def test_my_objective() -> None:
check_objective(MyObjective(num_particles=3))
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from inference.descriptions import shown
from inference.engines import ENGINES, load_engine
from inference.errors import ArgumentError, ObjectiveError, PairError
from inference.objectives._objective import Objective
from inference.objectives.registry import kinds, parse_objective
from inference.objectives.spelling import describe_objective, in_words
from inference.program.structure import Structure
from inference.program.trainer import Settings

_STEPS = 4
_ROWS = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)


def check_objective(objective: Objective) -> list[str]:
    """Check what every objective has to hold, on small pairs of both engines.

    - Its arguments are attributes of the same name, and its string form gives it back, where its
      name is known.
    - It refuses every pair that lacks something of its `needs`.
    - It trains every other one: losses and bound are finite, and something moves.
    - Where it trains a guide whose draws have no gradient, its class says what it `estimates`: a
      term that scores the draws is easily forgotten, and nothing else shows that.
      `inference.estimator_report` then measures the gradient's bias.

    Args:
        objective: one that is to be looked at.

    Returns:
        What it was trained on, such as `"pyro: gaussian"`.

    Raises:
        ArgumentError: if it is no objective, such as a class of them.
        AssertionError: naming the objective and what does not hold.
    """
    _check_made(objective)
    _check_arguments(objective)
    _check_string(objective)
    trained, pairs = [], {}
    for engine in ENGINES:
        pairs = importlib.import_module(f"inference.engines.{engine}.small_pairs").small_pairs()
        for kind, pair in pairs.items():
            refused = _check_refusal(objective, load_engine(engine).structure(pair, (_ROWS,)), kind)
            if not refused:
                _check_training(objective, engine, pair, kind)
                _check_stated(objective, kind)
                trained.append(f"{engine}: {kind}")
    if not trained:
        raise AssertionError(f"{objective!r} refuses every pair of {', '.join(pairs)}.")
    return trained


def _check_made(objective: Any) -> None:
    """Check that an objective was made: of a class there are no arguments to look at."""
    if isinstance(objective, type) and issubclass(objective, Objective):
        raise ArgumentError(
            f"objective is the class {objective.__name__}; pass one that was made of it, such as "
            f"{objective.__name__}.example()."
        )
    if not isinstance(objective, Objective):
        raise ArgumentError(
            "objective must be one that derives from inference.objectives.Objective, got "
            f"{shown(objective)}."
        )


def _check_arguments(objective: Objective) -> None:
    again = type(objective)(**objective.arguments())
    for name, value in objective.arguments().items():
        if in_words(getattr(again, name)) != in_words(value):
            raise AssertionError(
                f"{objective!r}: its argument {name} is {value!r}, and built of that it has "
                f"{getattr(again, name)!r}; keep every argument as an attribute of its name."
            )


def _check_string(objective: Objective) -> None:
    declared = kinds()[0].get(type(objective).__name__.lower())
    if declared is not type(objective) or objective.networks:
        return  # no string calls it, or says its network
    text = describe_objective(objective)
    try:
        again = parse_objective(text)
    except ArgumentError as error:
        raise AssertionError(f"{objective!r} is written as {text!r}: {error}") from error
    if repr(again) != repr(objective):
        raise AssertionError(f"{objective!r} is written as {text!r}, which is read as {again!r}.")


def _check_refusal(objective: Objective, structure: Structure, kind: str) -> bool:
    """Whether it refuses a pair, which it must where the pair lacks something that it needs."""
    seen, lacking = objective.seen(structure), ""
    for requirement in getattr(objective, "needs", ()):
        try:
            requirement.check(objective, seen)
        except (ObjectiveError, PairError):
            lacking = lacking or str(requirement)
    try:
        objective.require(structure)
    except (ObjectiveError, PairError):
        return True
    if lacking:
        raise AssertionError(
            f"{objective!r} needs {lacking}, and takes the pair {kind!r}, which has none; let its "
            "check call super().check(structure)."
        )
    return False


def _check_stated(objective: Objective, kind: str) -> None:
    """Refuse silence on the gradient of draws that have none of their own."""
    if kind != "bernoulli" or not objective.uses_guide or type(objective).estimates is not None:
        return
    raise AssertionError(
        f"{objective!r} takes the pair {kind!r}, whose draws have no gradient, and does not say "
        "what its own gradient is. If it goes through the draws, add REPARAMETERISED to its needs: "
        "the guide would learn something else. If it scores them, by program.score for example, "
        "set estimates, such as OF_ELBO or OF_IWAE of inference.objectives.estimates."
    )


def _check_training(objective: Objective, engine: str, pair: Any, kind: str) -> None:
    settings = Settings(seed=0, arrays=(_ROWS,), valid=(_ROWS,), batch_size=6, learning_rate=0.01)
    trainer = load_engine(engine).Trainer(pair, objective, settings)
    steps = _STEPS * max(1, len(objective.phases))
    with trainer.running():
        trainer.start((_ROWS[:6],))
        before = trainer.values()
        losses = trainer.run(0, steps)
        after, bound = trainer.values(), trainer.evaluate(6)
    where = f"{objective!r} on the pair {kind!r} of {engine}"
    if len(losses) < steps or not np.isfinite(losses).all():
        raise AssertionError(f"{where}: the losses are {losses}.")
    if not math.isfinite(bound):
        raise AssertionError(f"{where}: the bound in evaluation is {bound}.")
    if all(np.array_equal(before[name], after[name]) for name in before):
        raise AssertionError(f"{where}: no parameter moves in {steps} steps.")
