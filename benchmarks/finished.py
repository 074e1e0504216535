"""No figure is made of a part of a run: Ctrl-C ends `fit` with what it has by then."""

from __future__ import annotations

from inference import Run


def finished(run: Run) -> Run:
    """The run itself.

    Raises:
        SystemExit: if it was stopped on the way.
    """
    if run.status != "finished":
        raise SystemExit(
            f"A fit ended as {run.status!r} after {run.step:,} steps, and no figure is made of a "
            "part. Give the same command again; where runs are kept in a folder, it goes on there."
        )
    return run
