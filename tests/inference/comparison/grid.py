"""Small comparisons: PPCA on Pyro, whose evidence is known, under objectives that differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from inference import ELBO, IWAE, Comparison, compare
from ppl_models import create

COLUMNS = 4


def rows(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Draws of a PPCA of its own."""
    random = np.random.default_rng(seed)
    weight = np.random.default_rng(99).normal(size=(COLUMNS, 2))
    noise = 0.5 * random.normal(size=(count, COLUMNS))
    return (random.normal(size=(count, 2)) @ weight.T + noise).astype(np.float32)


def ppca(seed: int = 0, latent_dim: int = 2) -> Any:
    return create("ppca", engine="pyro", data_dim=COLUMNS, latent_dim=latent_dim, seed=seed)


def twelve(out: str | Path | None = None, **changed: Any) -> Comparison:
    """Two pairs, three objectives, two seeds; no figure depends on the clock."""
    settings: dict[str, Any] = {
        "seeds": 2,
        "budget": {"steps": 20},
        "metrics": ("bound", "exact"),
        "test": rows(40, seed=1),
        "batch_size": 20,
        "progress": False,
        "out": out,
    } | changed
    return compare(
        {"one": ppca(latent_dim=1), "two": ppca()},
        {
            "ELBO": ELBO(),
            "fast": (ELBO(), {"learning_rate": 0.05}),
            "IWAE": (IWAE(5), {"learning_rate": 0.02}),
        },
        rows(60),
        **settings,
    )


if __name__ == "__main__":
    twelve(sys.argv[1])
