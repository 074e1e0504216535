"""Checks of which objectives train the pair."""

from __future__ import annotations

from collections.abc import Iterator

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.errors import PairError


def _check_marked(context: Context) -> None:
    structure = context.structure
    missing = {site.name for site in structure.latents} - set(structure.guide)
    if missing and missing <= structure.marked_for_enumeration:
        raise Skip(
            f"{', '.join(map(repr, sorted(missing)))} is marked for enumeration; the library's own "
            "TraceEnum_ELBO sums over it: pass that as the objective."
        )


@check(needs=("runs-together", "model-observes"))
def objectives(context: Context) -> Iterator[Mistake]:
    """Some objective trains the pair."""
    _check_marked(context)
    found = context.validity
    if not found.valid:
        first = next(iter(found.refused.items()))
        try:
            context.structure.check_match()
        except PairError:
            yield Mistake(f"no objective trains this pair; {first[0]}: {first[1]}")
            return
        yield Mistake(
            "no objective of those here trains this pair; the library's own loss objects, such as "
            f"Trace_ELBO, do. {first[0]}: {first[1]}",
            level="limit",
        )


@check(needs=("runs-together", "model-observes", "guide-proposes-all"))
def trains_by_default(context: Context) -> Iterator[Mistake]:
    """The default objective, ELBO(), trains the pair."""
    _check_marked(context)
    why = context.validity.refused.get("ELBO")
    if not context.validity.valid:
        raise Skip("no objective of those here does; see 'objectives'.")
    if why is not None:
        yield Mistake(f"{why} Objectives that train it: {context.trains_under}.", level="limit")
