"""What a notebook's committed outputs say otherwise than fresh ones: outputs of an older tree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.]*\w)")
_TIMED = re.compile(r"\bseconds\b|\d s\b|\bKiB\b")
_RELATIVE, _LAST_DIGITS = 0.1, 3
_SAME = 0.8  # of the words, where the test trains for a shorter time


def drifted(committed: Sequence[Any], fresh: Sequence[Any], sources: Sequence[Any]) -> list[str]:
    """Cells whose outputs differ, and in what; mended by `make notebooks`.

    Words have to be the same, and numbers within a tenth or three units of their last digit. Where
    seconds are told, numbers do not count. From the first cell on that the test has made shorter,
    four fifths of the words have to be the same, and numbers do not count.

    Args:
        committed: cells of the notebook in the tree.
        fresh: the same cells, executed by the test.
        sources: the same cells as they are written, which tells those that were made shorter.
    """
    found, shortened = [], False
    for number, (old, new, cell) in enumerate(zip(committed, fresh, sources, strict=True)):
        shortened |= cell.source != new.source
        before, now = _said(old), _said(new)
        same = _alike(before, now) if shortened else _equal(before, now)
        if not same:
            found.append(f"cell {number} says\n{now}\nand in the tree\n{before}\n: make notebooks")
    return found


def _said(cell: Any) -> str:
    """All that a cell has printed or shown as text."""
    parts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", [])
        if output.get("name") != "stderr"
    ]
    return "\n".join(parts)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W\d_]{2,}", _NUMBER.sub(" ", text)))


def _alike(before: str, now: str) -> bool:
    one, other = _words(before), _words(now)
    return (one & other).total() >= _SAME * (one | other).total()


def _equal(before: str, now: str) -> bool:
    if _words(before) != _words(now):
        return False
    if _TIMED.search(before):
        return True
    one, other = _NUMBER.findall(before), _NUMBER.findall(now)
    return len(one) == len(other) and all(map(_near, one, other))


def _near(one: str, other: str) -> bool:
    a, b = (float(text.replace(",", "").rstrip(".")) for text in (one, other))
    decimals = [len(text.partition("e")[0].partition(".")[2]) for text in (one, other)]
    power = [int(text.partition("e")[2] or 0) for text in (one, other)]
    step = max(10.0 ** (p - d) for p, d in zip(power, decimals, strict=True))
    whole = not any(decimals) and not any(power)
    allowed = 0.0 if whole else _LAST_DIGITS * step  # a count is a count
    return abs(a - b) <= max(allowed, _RELATIVE * max(abs(a), abs(b)) if not whole else 0.0)
