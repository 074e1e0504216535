"""How a training went, for a terminal and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.cli.output import say_json
from inference.cli.tables import print_facts
from inference.cli.text import as_argument, console, shell_words

if TYPE_CHECKING:
    from inference.training.run import Run


def say_run(run: Run, *, as_json: bool) -> None:
    """Print how a training went, as values or as a table with the command that scores it."""
    if as_json:
        say_json(_facts(run))
    else:
        _print(run)


def _facts(run: Run) -> dict[str, Any]:
    """How a training went, as JSON has it; losses are in the objective's own unit."""
    last = run.rows[-1] if run.rows else {}
    return {
        "engine": run.spec["pair"]["engine"],
        "objective": run.spec["objective"],
        "data": run.spec["data"]["id"],
        "steps": run.step,
        "loss": last.get("loss"),
        "valid_bound": last.get("valid_bound"),
        "unit": run.unit,
        "seconds": last.get("seconds", 0.0),
        "status": run.status,
        "folder": None if run.folder is None else str(run.folder),
    }


def _print(run: Run) -> None:
    """Print how a training went, and the command that scores it."""
    last = run.rows[-1] if run.rows else {}
    # The value of an objective that is no bound on a likelihood is shown as the loss that it is.
    sign, what = (-1, "bound") if run.unit == "nats per datum" else (1, "loss")
    print_facts(
        {
            "engine": run.spec["pair"]["engine"],
            "objective": run.spec["objective"],
            "steps": str(run.step),
            f"training {what}": f"{sign * last['loss']:.3f} {run.unit}" if last else "none",
            f"validation {what}": (
                f"{-sign * last['valid_bound']:.3f} {run.unit}" if "valid_bound" in last else "none"
            ),
            "seconds": f"{last['seconds']:.1f}" if last else "0",
            "status": run.status,
            "folder": str(run.folder),
        }
    )
    command = shell_words("ppl-zoo", "evaluate", as_argument(Path(str(run.folder))))
    console.print(f"Score it with: {command}", soft_wrap=True)
