"""One row per variant of a model of the zoo: small hyperparameters and data that it can score."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENGINES = ("pyro", "numpyro")
STEPS = 4  # of a row of a sequence
Draw = Callable[[np.random.Generator, int, int], NDArray[Any]]


def binary(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return (random.random((rows, columns)) < 0.4).astype(np.float32)


def real(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return random.normal(size=(rows, columns)).astype(np.float32)


def signs(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return 2 * binary(random, rows, columns) - 1


def counts(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return random.poisson(1.5, (rows, columns)).astype(np.float32)


def two_covariates(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    del columns
    return real(random, rows, 2)


def errors(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return (0.5 + random.random((rows, columns))).astype(np.float32)


def all_labels(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    del columns
    return random.integers(0, 3, rows)


def five_pixels(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    del columns
    return binary(random, rows, 5)


def grey(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return (random.integers(0, 17, (rows, columns)) / 16).astype(np.float32)


def few_labels(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    del columns
    return random.integers(-1, 2, rows)


def symbols(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    del columns
    return random.integers(0, 5, (rows, STEPS)).astype(np.float32)


def binary_steps(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return binary(random, rows, STEPS * columns).reshape(rows, STEPS, columns)


def real_steps(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return real(random, rows, STEPS * columns).reshape(rows, STEPS, columns)


def lengths(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.int64]:
    del columns
    return random.integers(1, STEPS + 1, rows)


@dataclass(frozen=True)
class Row:
    """What the registry-driven tests need to know about a variant of a model.

    Attributes:
        model: name in the registry.
        hyperparameters: small ones.
        data: draws x: (random, rows, data_dim) to an array.
        given: draws the second argument, for pairs that take one: (random, rows, data_dim).
        latent: whether the pair has latents.
        parity: why parameters cannot be carried over to the other engine, if they cannot.
        shared: the latents that all rows share.
        mixes: why the density of a datum depends on the others of its batch, if it does.
        engines: the engines that the model has.
    """

    model: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    data: Draw = real
    given: Draw | None = None
    latent: bool = True
    parity: str = ""
    shared: tuple[str, ...] = ()
    mixes: str = ""
    engines: tuple[str, ...] = ENGINES

    def batch(self, rows: int, seed: int = 0) -> tuple[NDArray[Any], ...]:
        """What the pair takes."""
        shape = self.hyperparameters.get("image_shape", (1, 1))
        width = self.hyperparameters.get("data_dim", shape[0] * shape[1])
        x = self.data(np.random.default_rng(seed), rows, width)
        if self.given is None:
            return (x,)
        return x, self.given(np.random.default_rng(seed + 1), rows, width)


DRAWS: dict[str, Draw] = {
    draw.__name__: draw
    for draw in (
        binary,
        grey,
        real,
        signs,
        symbols,
        binary_steps,
        real_steps,
        lengths,
        counts,
        errors,
        two_covariates,
        all_labels,
        few_labels,
        five_pixels,
    )
}


def rows_in(folder: Path) -> dict[str, Row]:
    """The rows of a folder's TOML files, as `ppl-zoo new` writes them.

    `data`, and `given` where a pair takes a second argument, name functions of DRAWS.
    """
    found = {}
    for path in sorted(folder.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            engines = tuple(entry.pop("engines", ENGINES))
            entry["shared"] = tuple(entry.pop("shared", ()))
            draws = {key: DRAWS[entry.pop(key)] for key in ("data", "given") if key in entry}
            found[name] = Row(engines=engines, **draws, **entry)
    return found


ROWS = rows_in(Path(__file__).parent / "model_rows")
MODELS = sorted({row.model for row in ROWS.values()})
PLACES = [(engine, name) for name, row in ROWS.items() for engine in row.engines]
