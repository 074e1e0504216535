"""A run that never ends by itself, to be killed: training_child.py ENGINE FOLDER LEARNING."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

from tiny_runs import learnt

from inference.training import loop
from inference.training.progress import Progress

ENDLESS = 10**6


def main(engine: str, folder: str, learning: str) -> None:
    # Reports, and so checkpoints, every six steps; a breath between, so that few steps are taken.
    fitting: Any = importlib.import_module("inference.training.fit")
    fitting._STEPS_BETWEEN_REPORTS = 1
    loop._Pace.chunk = lambda self: 4
    Progress.advance = lambda self, step, loss: time.sleep(0.002)
    Path(folder).with_suffix(".begun").touch()
    learnt(learning, engine, steps=ENDLESS, out=folder, resume=True, checkpoint_seconds=0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
