"""Objectives as strings, the form of the command line and of a run's spec."""

from __future__ import annotations

import difflib
import inspect
import re
from typing import Any

from inference.errors import ArgumentError
from inference.literals import literal
from inference.objectives._objective import Objective, in_words
from inference.objectives.adversarial import Adversarial
from inference.objectives.concrete import Concrete
from inference.objectives.control_variates import REBAR, RELAX, DisARM
from inference.objectives.divergences import ChiSquare, TailAdaptive
from inference.objectives.doubly_reparameterised import STL, DReG
from inference.objectives.elbo import ELBO
from inference.objectives.enumerated import Enumerated
from inference.objectives.iwae import CIWAE, IWAE, MIWAE, PIWAE
from inference.objectives.mmd import MMD, InfoVAE
from inference.objectives.nvil import NVIL
from inference.objectives.renyi import Renyi
from inference.objectives.score_function import RLOO, VIMCO
from inference.objectives.wake_sleep import RWS, WakeSleep

EXAMPLES: tuple[Objective, ...] = (
    ELBO(),
    IWAE(num_particles=5),
    MIWAE(num_outer=5, num_particles=5),
    PIWAE(num_outer=5, num_particles=5),
    CIWAE(num_particles=5, beta=0.05),
    STL(),
    DReG(num_particles=5),
    Renyi(alpha=0.5, num_particles=5),
    TailAdaptive(num_particles=5),
    ChiSquare(num_particles=5),
    NVIL(),
    RLOO(num_particles=5),
    VIMCO(num_particles=5),
    Concrete(),
    REBAR(),
    RELAX(),
    DisARM(),
    RWS(num_particles=5),
    WakeSleep(),
    Enumerated(),
    InfoVAE(),
    MMD(),
    Adversarial(),
)
"""One of each, with usual settings."""

_COMMA = re.compile(r",(?![^(\[]*[)\]])")  # outside of brackets
_CLASSES = {type(objective).__name__.lower(): type(objective) for objective in EXAMPLES}


def parse_objective(text: str) -> Objective:
    """Build an objective from a string such as `"iwae:num_particles=5"`.

    Args:
        text: a name, then optionally a colon and `keyword=value` pairs separated by commas.

    Raises:
        ArgumentError: if the name or a keyword is unknown, or a value is missing or not right.
    """
    name, _, rest = text.partition(":")
    if name.strip().lower() not in _CLASSES:
        near = difflib.get_close_matches(name.lower(), _CLASSES, n=2, cutoff=0.4)
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ArgumentError(
            f"there is no objective {name!r}. {hint}Known: {', '.join(sorted(_CLASSES))}."
        )
    cls = _CLASSES[name.strip().lower()]
    keywords: dict[str, Any] = {}
    for item in filter(None, map(str.strip, _COMMA.split(rest))):
        key, equals, value = item.partition("=")
        if not equals:
            raise ArgumentError(f"objective {text!r}: write {item!r} as keyword=value.")
        if key.strip() in keywords:
            raise ArgumentError(f"objective {text!r}: {key.strip()!r} is given twice.")
        keywords[key.strip()] = literal(value.strip())
    accepted = inspect.signature(cls).parameters
    try:
        return cls(**keywords)
    except (TypeError, ValueError) as error:
        takes = f"It takes: {', '.join(accepted)}." if accepted else "It takes no settings."
        raise ArgumentError(f"objective {text!r}: {str(error).rstrip('.')}. {takes}") from error


def describe_objective(objective: Any) -> str:
    """The string form of an objective, without settings that are the usual ones.

    The libraries' own losses are named by their class and settings.
    """
    if isinstance(objective, Objective):
        usual = inspect.signature(type(objective)).parameters
        settings = {n: v for n, v in objective.arguments().items() if v is not usual[n].default}
        settings = {n: in_words(v) for n, v in settings.items() if v != usual[n].default}
        prefix = type(objective).__name__.lower()
    else:
        plain = (bool, int, float, str)
        settings = {
            name: value
            for name, value in sorted(vars(objective).items())
            if isinstance(value, plain) and not name.startswith("_")
        }
        prefix = f"{type(objective).__module__}.{type(objective).__name__}"
    words = ",".join(f"{name}={value}" for name, value in settings.items())
    return f"{prefix}:{words}" if words else prefix
