"""Checks of which objectives train the pair."""

from __future__ import annotations

from collections.abc import Iterator

from inference.checking.context import Context
from inference.checking.registry import Mistake, Skip, check
from inference.objectives.validity import Validity, valid_for


def validity(context: Context) -> Validity:
    """Which objectives fit, and why the others do not."""
    return valid_for(context.structure)


def _check_marked(context: Context) -> None:
    structure = context.structure
    missing = {site.name for site in structure.latents} - set(structure.guide)
    if missing and missing <= structure.marked_for_enumeration:
        raise Skip(
            f"{', '.join(map(repr, sorted(missing)))} is marked for enumeration; the library's own "
            "TraceEnum_ELBO sums over it: pass that as the objective."
        )


@check("objectives", "some objective trains the pair.", needs=("runs-together", "model-observes"))
def _some(context: Context) -> Iterator[Mistake]:
    _check_marked(context)
    found = validity(context)
    if not found.valid:
        first = next(iter(found.refused.items()))
        yield Mistake(f"no objective trains this pair; {first[0]}: {first[1]}")


@check(
    "trains-by-default",
    "the default objective, ELBO(), trains the pair.",
    needs=("runs-together", "model-observes", "guide-proposes-all"),
)
def _elbo(context: Context) -> Iterator[Mistake]:
    _check_marked(context)
    why = validity(context).refused.get("ELBO")
    if why is not None:
        yield Mistake(f"{why} Objectives that train it: {', '.join(validity(context).valid)}.")
