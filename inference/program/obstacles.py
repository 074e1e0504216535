"""What keeps particles from going through a pair all at once."""

from __future__ import annotations

from dataclasses import dataclass

_REMEDY = (
    "Count dimensions from the right (dim=-1, z[..., 0], x.mean(-1)) and leave those on the left "
    "alone, and all particles go at once; layers that mix rows or draw noise keep them apart."
)


@dataclass(frozen=True)
class Obstacle:
    """Why particles go through a pair one by one.

    Attributes:
        why: what came out differently, or was raised.
        site: the site at which that was seen, if it was at one.
        line: where in the user's code.
    """

    why: str
    site: str | None = None
    line: str = ""

    def __str__(self) -> str:
        where = f" ({self.line})" if self.line else ""
        return f"particles go through the pair one by one{where}: {self.why}. {_REMEDY}"
