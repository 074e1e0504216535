"""`ppl-zoo objectives`: what a pair may be trained under."""

from __future__ import annotations

import warnings

from inference.cli.output import json_option, say_json
from inference.cli.tables import listing
from inference.cli.text import console, plain_warnings


def objectives_command(*, as_json: json_option = False) -> None:
    """List the objectives, those of installed packages too, and what each needs of a pair."""
    from inference.objectives.registry import kinds
    from inference.objectives.table import rows

    known, broken = kinds()
    with plain_warnings():
        for why in broken.values():
            warnings.warn(why, stacklevel=1)
    if as_json:
        words = ("name", "call", "what", "needs")
        found = zip(known, rows(known.values()), strict=True)
        say_json([dict(zip(words, (name, *row), strict=True)) for name, row in found])
        return
    table = listing("--objective", "what it is, and its settings", "what it needs of a pair")
    for name, (call, what, needs) in zip(known, rows(known.values()), strict=True):
        settings = call.partition("(")[2].removesuffix(")")
        table.add_row(name, f"{what} ({settings})" if settings else what, needs)
    console.print(table)
