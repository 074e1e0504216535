"""Where the command `ppl-zoo` begins: with a look at whether `inference` is ours."""

from __future__ import annotations

import pkgutil
import sys

from ppl_models._foreign import what_is_wrong


def main() -> None:
    """Run `ppl-zoo`, or say in one sentence why it cannot be run."""
    wrong = what_is_wrong()
    if wrong:
        sys.stderr.write(f"error: {wrong}\n")
        sys.exit(2)
    # By its name: what the models are does not know how they learn, but the command brings both.
    pkgutil.resolve_name("inference.cli:main")()
