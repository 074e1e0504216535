"""`check_pair`: what is wrong with a pair, found in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inference.arguments import check_count, listed
from inference.checking.checks import CHECKS, run, with_needs
from inference.checking.context import Context
from inference.checking.report import Finding, Report
from inference.data.call import first_of_batches, named_apart
from inference.descriptions import shown
from inference.engines import check_engine
from inference.errors import ArgumentError
from inference.pairs import as_pair


def check_pair(
    pair: Any,
    *batch: Any,
    checks: Iterable[str] | None = None,
    engine: str | None = None,
    rows: int | None = None,
    **named: Any,
) -> Report:
    """Check a pair on some rows of data before it is trained.

        print(check_pair(pair, x[:8]))

    It reports mistakes and does not raise on them, whatever the pair does. The pair stays as it
    is. A batch of 5 to 10 rows whose number is no other dimension of the pair shows most.

    Args:
        pair: a pair, a run, or a `(model, guide)` tuple of any Pyro or NumPyro program.
        *batch: what model and guide take, some rows of each array; or a tuple of them. Of a loader
            the first batch is looked at.
        checks: names of the checks to make, with those that they need; all without it.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        rows: how many rows the data have of which the batch are some, where they are known: then
            a global latent that is weighed against the batch alone is an error.
        **named: what model and guide take by name; a dictionary of it does as well.

    Returns:
        The findings: passed; errors, limits and notes with the remedy; skipped with the reason.

    Raises:
        ArgumentError: if there is no check of a name, or `rows` is no whole number of at least 1.
    """
    rows = check_count("rows", rows, optional=True)
    if engine is not None:
        check_engine(engine)
    names = _names(checks)
    inner, own = as_pair(pair)
    given, named = named_apart(inner, first_of_batches(inner, batch), named)
    context = Context(inner, given, engine or own, rows, named)
    findings = list(run(with_needs(names), context))
    if "objectives" in names:
        findings += _refusals(context, findings)
    return Report(tuple(findings))


def _names(checks: Any) -> list[str]:
    """Names of checks.

    Raises:
        ArgumentError: if there is no check of a name.
    """
    several = list(CHECKS) if checks is None else listed("checks", checks)
    names: list[Any] = [checks] if several is None else several
    if not names:
        raise ArgumentError(f"checks must name at least one of {', '.join(CHECKS)}.")
    unknown = [name for name in names if not isinstance(name, str) or name not in CHECKS]
    if unknown:
        raise ArgumentError(
            f"checks must be among {', '.join(CHECKS)}; got {', '.join(map(shown, unknown))}."
        )
    return names


def _refusals(context: Context, findings: list[Finding]) -> list[Finding]:
    """Why some objectives do not fit a pair that others do: nothing to mend."""
    if not any(each.check == "objectives" and each.outcome == "passed" for each in findings):
        return []
    refused = context.validity.refused
    return [Finding(f"objective {name}", "skipped", why) for name, why in refused.items()]
