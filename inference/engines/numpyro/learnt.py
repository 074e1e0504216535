"""Whether there is anything to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jax import random
from numpyro.handlers import block, seed, trace

from inference.errors import ArgumentError
from inference.program.surrogate import Surrogate, nothing_to_learn


def check_learns(
    objective: Any,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Refuse a pair of which nothing that an objective looks at can be trained.

    Args:
        objective: the objective, or a loss of NumPyro's.
        params: what `SVI` would train.
        model: the model.
        args: what it takes.
        kwargs: the same by name.

    Raises:
        ArgumentError: if neither model nor guide has a parameter.
        ObjectiveError: if the objective looks at the model alone, and only the guide has any.
    """
    if not params:
        raise ArgumentError(
            "the pair has no parameters to train: neither model nor guide called numpyro.param "
            "or a module of numpyro.contrib."
        )
    if isinstance(objective, Surrogate) and not objective.uses_guide:
        with block():
            sites = trace(seed(model, random.PRNGKey(0))).get_trace(*args, **kwargs)
        if not any(site["type"] == "param" for site in sites.values()):
            raise nothing_to_learn(objective)
