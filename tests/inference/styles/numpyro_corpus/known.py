"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {}
