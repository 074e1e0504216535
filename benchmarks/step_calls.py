"""Calls of Python in a training step of `fit` on Pyro: `python -m benchmarks.step_calls`.

What a step costs besides arithmetic, as a number that no other work on the machine changes: the
calls of 80 more steps, counted by `sys.setprofile`. `benchmarks.step_time` has the seconds.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from inference import ELBO, IWAE, fit
from inference.objectives import Objective
from ppl_models import create

FEW, MORE = 40, 120  # steps


def calls(objective: Objective, steps: int) -> int:
    """Calls in a run of so many steps of a small VAE."""
    x = (np.random.default_rng(0).random((400, 784)) < 0.3).astype(np.float32)
    pair = create("vae", engine="pyro", hidden=(20, 20), latent_dim=5)
    count = 0

    def seen(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        fit(pair, x, objective=objective, steps=steps, batch_size=100, progress=False)
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    """Print the calls of a step for two objectives."""
    for objective in (ELBO(), IWAE(50)):
        calls(objective, FEW)  # what is imported and kept at the first use
        each = (calls(objective, MORE) - calls(objective, FEW)) / (MORE - FEW)
        print(f"{objective!r}: {each:,.0f} calls a step")


if __name__ == "__main__":
    main()
