"""Draws that a mask leaves out of the weights, among others that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.program.structure import Structure


def left_out_later(structure: Structure, counted: Mapping[str, Any]) -> Any | None:
    """Of which data a draw is masked that comes after one which counts; None where of none.

    Args:
        structure: sites and plates.
        counted: by masked site of the guide which entries of its values count, (K, *batch, *event)
            in zeros and ones.

    Returns:
        Flags, (K, N).
    """
    found: Any = None
    before: Any = False
    for site in structure.proposals:
        entries = counted.get(site.name)
        if entries is None:
            before = True
            continue
        some, left = (structure.gather(part) > 0 for part in (entries, 1 - entries))  # (K, N)
        if before is not False:
            late = left & before
            found = late if found is None else found | late
        before = some | before
    return found
