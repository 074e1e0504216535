"""A run that takes moments, and the comparison of two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inference import Run, fit
from ppl_models import create

ROWS = (np.random.default_rng(0).random((40, 8)) < 0.4).astype(np.float32)


def pair(engine: str, seed: int = 0) -> Any:
    """A variational auto-encoder of a few numbers."""
    return create("vae", engine=engine, data_dim=8, latent_dim=2, hidden=[3], seed=seed)


def trained(engine: str, steps: int, *, seed: int = 0, **settings: Any) -> Run:
    """A run of so many steps; one that is there already goes on."""
    out = settings.get("out")
    again = out is not None and Path(out).exists()
    made = pair(engine, seed)
    chosen: dict[str, Any] = {"valid": ROWS[:10], "batch_size": 20, **settings}
    return fit(made, ROWS, steps=steps, seed=seed, resume=again, progress=False, **chosen)


def differs(one: Run, two: Run) -> str:
    """Empty where two runs have the same parameters to the bit."""
    if one.parameters.keys() != two.parameters.keys():
        return "other parameters"
    names = [
        n for n in one.parameters if one.parameters[n].tobytes() != two.parameters[n].tobytes()
    ]
    return f"{names[0]} differs" if names else ""
