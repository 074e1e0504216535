"""What a model draws as data: at the site that observes them, or what it returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from inference.errors import ObjectiveError
from inference.program.distributions import says


def name_of_data(
    sites: Mapping[str, Any], returned: Any, observed: Callable[[Any], Collection[str]]
) -> str | None:
    """The site that draws the data in a run without any: the one that observes them in others.

    Args:
        sites: of the run, with their values.
        returned: what the model returned.
        observed: the sites that observe in a run on some rows, which may be of a wrong shape.

    Returns:
        The site's name; None where the model observes nothing.

    Raises:
        ObjectiveError: if several sites observe the data, or it cannot be told which does.
    """
    drawn = [name for name, site in sites.items() if not site["is_observed"]]
    rows = [returned] if hasattr(returned, "shape") else []
    for value in [*rows, *(sites[name]["value"] for name in reversed(drawn))]:
        try:
            seen = observed(value)
        except Exception:  # these rows do not fit
            continue
        names = [name for name in drawn if name in seen]
        if len(names) > 1:
            raise ObjectiveError(
                f"the model observes its data at several sites, {', '.join(map(repr, names))}, and "
                "none of them is what it takes; the library's own Predictive draws them all."
            )
        return names[0] if names else None
    if len(drawn) > 1:
        raise ObjectiveError(
            f"which of {', '.join(map(repr, drawn))} draws the data cannot be told: the model "
            "takes none of them in the place of its data. Return the mean of the data, or draw "
            "all sites by the library's own Predictive."
        )
    return drawn[0] if drawn else None


def mean_of(returned: Any, law: Any) -> Any:
    """The likelihood's mean: what the model returns, or else what the distribution says.

    Args:
        returned: what the model returned.
        law: the distribution of the data.

    Returns:
        None where neither says one, as those of categories do not.
    """
    if hasattr(returned, "shape"):
        return returned
    try:
        mean = law.mean
    except (AttributeError, NotImplementedError, TypeError):
        return None
    return mean if bool((abs(mean) < float("inf")).all()) else None


def decoded(
    sites: Mapping[str, Any], latents: Collection[str], returned: Any, computed: Mapping[str, Any]
) -> Any:
    """The likelihood's mean in a run at given latents; of a sequential law its draw.

    Raises:
        ObjectiveError: if nothing says the mean.
    """
    laws = {
        name: site for name, site in sites.items() if not (site["is_observed"] or name in latents)
    }
    entry_by_entry = [site["value"] for site in laws.values() if says(site["fn"], "sequential")]
    if entry_by_entry:
        return entry_by_entry[-1]
    if not laws:
        return rows_drawn(returned, computed)
    mean = mean_of(returned, list(laws.values())[-1]["fn"] if len(laws) == 1 else None)
    if mean is None:
        raise ObjectiveError(
            "a decoded row is the mean of the likelihood, which the model returns, and this one "
            f"returned {type(returned).__name__}. Return the mean from the model."
        )
    return mean


def rows_drawn(returned: Any, computed: Mapping[str, Any]) -> Any:
    """The rows that a generator z -> g(z) draws: what it returns, or what it says to compute.

    Args:
        returned: what the model returned.
        computed: the values of its deterministic statements, by name.

    Raises:
        ObjectiveError: if it returns no array and has not just one such statement.
    """
    if hasattr(returned, "shape"):
        return returned
    if len(computed) == 1:
        return next(iter(computed.values()))
    names = ", ".join(repr(name) for name in computed) or "none"
    raise ObjectiveError(
        "the model observes nothing, so that its draws are what it returns, or its one "
        f"deterministic statement; it returned {type(returned).__name__} and has the "
        f"deterministic statements: "
        f"{names}. Return the rows, one for each datum."
    )


def check_means(returned: Any, drawn: Any, name: str) -> None:
    """Check that what a model returns can be the mean of what it draws as data.

    Args:
        returned: what the model returned.
        drawn: the value of the site that makes the data.
        name: that site's.

    Raises:
        ObjectiveError: if it is no array of the same shape.
    """
    came = tuple(returned.shape) if hasattr(returned, "shape") else None
    if came != tuple(drawn.shape):
        raise ObjectiveError(
            "draw='mean' compares the mean of the likelihood with the data, which is what "
            f"model(None, size=n) returns, of shape {tuple(drawn.shape)} as the draw of {name!r}; "
            f"it returned {type(returned).__name__ if came is None else f'shape {came}'}. Return "
            "that mean, or use draw='sample' or draw='score'."
        )


def by_row(log_p: Any, size: int) -> Any:
    """A log density summed to the rows that were drawn, (size,): their plate is the rightmost."""
    axes = [axis for axis, length in enumerate(log_p.shape) if length == size]
    if not axes:
        raise ObjectiveError(
            f"draw='score' weighs each of {size} rows that the model draws, but a log density has "
            f"shape {tuple(log_p.shape)}; draw all of them inside of the plate of the rows."
        )
    rest = tuple(axis for axis in range(log_p.ndim) if axis != axes[-1])
    return log_p.sum(rest) if rest else log_p
