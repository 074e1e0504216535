"""What `estimator_report` is asked to compare: labels to objectives, for each K."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inference.arguments import check_count, listed
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives import Objective, parse_objective


@dataclass(frozen=True)
class Request:
    """An estimator to look at.

    Attributes:
        label: what the user calls it.
        num_particles: K.
        objective: the objective; None if it does not exist for this K.
        refusal: why it does not exist; empty if it does.
    """

    label: str
    num_particles: int
    objective: Objective | None
    refusal: str = ""


def particle_counts(num_particles: Any) -> list[int]:
    """One K or several, sorted, each once.

    Raises:
        ArgumentError: if there is none, or one is not a whole number of at least 1.
    """
    several = listed("num_particles", num_particles)
    counts: list[Any] = [num_particles] if several is None else several
    if not counts or any(count is None for count in counts):
        raise ArgumentError(
            "num_particles must be one K or several, such as (1, 5, 20), got "
            f"{shown(num_particles)}."
        )
    return sorted({check_count("num_particles", count) for count in counts})


def requests(objectives: Any, counts: list[int]) -> list[Request]:
    """Each label's objective, at every K if it is one for any K.

    Args:
        objectives: label to an objective; to its string form; to a function of K such as `IWAE`.
            A string that leaves out `num_particles`, such as `"iwae"`, stands for every K too.
        counts: every K.

    Raises:
        ArgumentError: if it is no such mapping, or a function does not give K's objective.
        ObjectiveError: if an objective estimates the gradient of no bound on the likelihood.
    """
    if not isinstance(objectives, Mapping) or not objectives:
        raise ArgumentError(
            "objectives must be {label: objective} with one or more, such as "
            f"{{'IWAE': IWAE, 'DReG': DReG}}; got {shown(objectives)}."
        )
    found = []
    for label, given in objectives.items():
        if not isinstance(label, str) or not label.strip():
            raise ArgumentError(
                f"a label of objectives must be a string to read, got {shown(label)}."
            )
        build = _of_text(given) if isinstance(given, str) else given
        if isinstance(build, Objective):
            check_comparable(f"objectives[{label!r}]", build)
            found.append(Request(label, getattr(build, "num_particles", 1), build))
        elif callable(build):
            found += [_built(label, build, count) for count in counts]
        else:
            raise ArgumentError(
                f"objectives[{label!r}] must be an objective such as IWAE(5), its string form such "
                f"as 'iwae:num_particles=5', or a function of K such as IWAE; got {shown(given)}."
            )
    return found


def _of_text(text: str) -> Objective | Callable[[int], Objective]:
    if "num_particles" in text:
        return parse_objective(text)
    start = f"{text}{',' if ':' in text else ':'}num_particles="
    try:
        parse_objective(f"{start}2")
    except ArgumentError:  # there is no K in it, or something is wrong with it
        return parse_objective(text)
    return lambda count: parse_objective(f"{start}{count}")


def _built(label: str, build: Callable[..., Any], count: int) -> Request:
    try:
        objective = build(num_particles=count) if isinstance(build, type) else build(count)
    except TypeError as error:
        raise ArgumentError(
            f"objectives[{label!r}] cannot be called with K={count} ({error}); pass a function of "
            "K, such as lambda k: MIWAE(2, k), or an objective."
        ) from error
    except ValueError as error:  # RLOO has no K = 1
        return Request(label, count, None, str(error))
    if not isinstance(objective, Objective):
        raise ArgumentError(
            f"objectives[{label!r}] must give an objective for K={count}, got {shown(objective)}."
        )
    check_comparable(f"objectives[{label!r}]", objective)
    if getattr(objective, "num_particles", count) != count:
        raise ArgumentError(
            f"objectives[{label!r}] gave {objective!r} for K={count}; its num_particles must be K. "
            "If it is meant to be the same for every K, pass the objective itself."
        )
    return Request(label, count, objective)


def check_comparable(name: str, objective: Objective) -> None:
    """Refuse a loss that compares draws with data.

    Raises:
        ObjectiveError: naming where it came from.
    """
    if objective.unit != Objective.unit:
        raise ObjectiveError(
            f"{name} is {objective!r}, which compares the model's draws with data. It estimates "
            "the gradient of no bound on the likelihood, so that its bias and noise compare with "
            "none of the others'; compare what it trains with sample_quality()."
        )
