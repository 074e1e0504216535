"""Where the command `ppl-zoo` begins: with a look at whether `inference` is ours."""

from __future__ import annotations

import pkgutil
import signal
import sys

from ppl_models._foreign import what_is_wrong

_INTERRUPTED = 130  # what a shell calls a command that ended with Ctrl-C


def main() -> None:
    """Run `ppl-zoo`, or say in one sentence why it cannot be run.

    It takes a second to import, in which Ctrl-C is answered, too. After the command's end nothing
    is left to be interrupted.
    """
    try:
        if wrong := what_is_wrong() or _without_docstrings():
            sys.stderr.write(f"error: {wrong}\n")
            sys.exit(2)
        # By its name: what the models are does not know how they learn; the command brings both.
        pkgutil.resolve_name("inference.cli:main")()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted.\n")
        sys.exit(_INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _without_docstrings() -> str:
    """What is wrong where Python leaves docstrings out; there Pyro's own import fails, too."""
    if sys.flags.optimize < 2:
        return ""
    return (
        "ppl-zoo reads docstrings, which python -OO (PYTHONOPTIMIZE=2) leaves out; start it "
        "without, or as python -O."
    )
