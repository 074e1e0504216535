"""One row per model of the zoo: small hyperparameters and data that its pair can score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENGINES = ("pyro", "numpyro")


def binary(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return (random.random((rows, columns)) < 0.4).astype(np.float32)


def real(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return random.normal(size=(rows, columns)).astype(np.float32)


@dataclass(frozen=True)
class Row:
    """What the registry-driven tests need to know about a variant of a model."""

    model: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    data: Callable[[np.random.Generator, int, int], NDArray[np.float32]] = real

    def batch(self, rows: int, seed: int = 0) -> NDArray[np.float32]:
        return self.data(np.random.default_rng(seed), rows, self.hyperparameters["data_dim"])


_SMALL = {"data_dim": 12, "latent_dim": 3}
ROWS = {
    "ppca": Row("ppca", _SMALL),
    "ppca-exact-guide": Row("ppca", {**_SMALL, "guide": "exact", "noise_scale": 0.5}),
    "vae": Row("vae", {**_SMALL, "hidden": (7, 5)}, binary),
    "vae-gaussian": Row(
        "vae",
        {**_SMALL, "hidden": (6,), "activation": "softplus", "likelihood": "gaussian"},
    ),
    "vae-linear": Row("vae", {**_SMALL, "hidden": ()}, binary),
}
