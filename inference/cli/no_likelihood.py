"""What there is to say of a run whose pair has no likelihood per datum: bound, draws, last loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.errors import ZooError

if TYPE_CHECKING:
    from inference.training.run import Run


def other_figures(run: Run, x: tuple[Any, ...], *, particles: int, seed: int) -> dict[str, Any]:
    """Figures by name, those that can be had: a number, or a number with its error and unit."""
    from inference.comparison.metrics import METRICS
    from inference.objectives import Objective
    from inference.posterior.parts import bound_parts

    found: dict[str, Any] = {}
    try:
        parts = bound_parts(run, x, num_particles=max(2, particles), seed=seed)
    except ZooError:
        parts = None
    if parts is not None and not parts.points:
        found["bound"] = {
            "mean": parts.elbo.mean,
            "standard_error": parts.elbo.standard_error,
            "unit": Objective.unit,
        }
    mmd = METRICS["mmd"](run, x)
    if mmd.value is not None:
        found["mmd"] = mmd.value
    last = run.rows[-1] if run.rows else {}
    bound = "bound" if run.unit == Objective.unit else "loss"
    sign = -1.0 if bound == "bound" else 1.0
    if "loss" in last:
        found[f"training_{bound}"] = {"mean": sign * last["loss"], "unit": run.unit}
    if "valid_bound" in last:
        found[f"validation_{bound}"] = {"mean": -sign * last["valid_bound"], "unit": run.unit}
    return found


def in_words(figures: dict[str, Any]) -> dict[str, str]:
    """The same for a table."""
    said = {"bound": "ELBO on these rows", "mmd": "squared MMD of draws and rows"}
    words: dict[str, str] = {}
    for name, figure in figures.items():
        if not isinstance(figure, dict):
            words[said[name]] = f"{figure:.4f}"
            continue
        error = figure.get("standard_error")
        beside = "" if error is None else f" ± {error:.3f}"
        words[said.get(name, name.replace("_", " "))] = (
            f"{figure['mean']:.3f}{beside} {figure['unit']}"
        )
    return words
