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
Draw = Callable[[np.random.Generator, int, int], NDArray[Any]]


def binary(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return (random.random((rows, columns)) < 0.4).astype(np.float32)


def real(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return random.normal(size=(rows, columns)).astype(np.float32)


def signs(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return 2 * binary(random, rows, columns) - 1


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
        mixes: why the density of a datum depends on the others of its batch, if it does.
        engines: the engines that the model has.
    """

    model: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    data: Draw = real
    given: Draw | None = None
    latent: bool = True
    parity: str = ""
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


_SMALL = {"data_dim": 12, "latent_dim": 3}
_CODES = {**_SMALL, "hidden": (7,), "categorical_dim": 2, "classes": 3}
_DEEP = {"data_dim": 12, "latent_dims": (3, 2)}
_CHAIN = {"data_dim": 3, "length": 4, "latent_dim": 2, "guide_hidden": 4}
ROWS = {
    "deep-markov": Row(
        "deep_markov",
        {**_CHAIN, "hidden": (5,), "transition_hidden": 4},
        lambda random, rows, columns: binary(random, rows, 4 * columns).reshape(rows, 4, columns),
        lambda random, rows, _: random.integers(1, 5, rows),
    ),
    "deep-markov-linear": Row(
        "deep_markov",
        {**_CHAIN, "hidden": (), "transition": "linear", "likelihood": "gaussian"},
        lambda random, rows, columns: real(random, rows, 4 * columns).reshape(rows, 4, columns),
    ),
    "draw": Row("draw", {**_SMALL, "hidden": 4, "steps": 3}, binary),
    "draw-attention": Row(
        "draw",
        {
            "data_dim": 16,
            "latent_dim": 2,
            "hidden": 4,
            "steps": 2,
            "attention": True,
            "write_size": 3,
        },
        binary,
    ),
    "ppca": Row("ppca", _SMALL),
    "ppca-exact-guide": Row("ppca", {**_SMALL, "guide": "exact", "noise_scale": 0.5}),
    "sigmoid-belief": Row("sigmoid_belief", {"data_dim": 12, "latent_dims": (4, 3)}, binary),
    "sigmoid-belief-autoregressive": Row(
        "sigmoid_belief",
        {
            "data_dim": 12,
            "latent_dims": (5,),
            "units": "signed",
            "autoregressive": True,
            "guide": "autoregressive",
        },
        binary,
    ),
    "conditional-vae": Row(
        "conditional_vae", {**_SMALL, "condition_dim": 5, "hidden": (7,)}, binary, five_pixels
    ),
    "conditional-vae-classes": Row(
        "conditional_vae",
        {**_SMALL, "classes": 3, "hidden": (), "prior": "standard", "likelihood": "gaussian"},
        given=all_labels,
    ),
    "conditional-network": Row(
        "conditional_network",
        {"data_dim": 12, "condition_dim": 5, "hidden": (7,)},
        binary,
        five_pixels,
        latent=False,
    ),
    "semi-supervised-vae": Row(
        "semi_supervised_vae", {**_SMALL, "classes": 3, "hidden": (7,)}, binary, few_labels
    ),
    "semi-supervised-vae-gaussian": Row(
        "semi_supervised_vae",
        {**_SMALL, "classes": 2, "hidden": (), "likelihood": "gaussian", "alpha": 3.0},
        given=few_labels,
    ),
    "dlgm": Row("dlgm", {**_DEEP, "hidden": ((7, 6), (5,))}, binary),
    "dlgm-full": Row(
        "dlgm",
        {**_DEEP, "hidden": ((6,), (5,)), "noise": "full", "likelihood": "learned-variance"},
    ),
    "dlgm-ladder": Row(
        "dlgm", {**_DEEP, "hidden": ((7,), (5,)), "guide": "ladder", "likelihood": "gaussian"}
    ),
    "conv-generator": Row(
        "conv_generator",
        {"image_shape": (8, 8), "latent_dim": 3, "channels": 2},
        binary,
        parity="convolutions are faster in torch, and only there",
        mixes="it is normalised by the mean and variance of the batch",
        engines=("pyro",),
    ),
    "conv-generator-virtual": Row(
        "conv_generator",
        {
            "image_shape": (4, 8),
            "latent_dim": 3,
            "channels": 2,
            "normalise": "virtual",
            "classes": 3,
            "prior": "uniform",
            "likelihood": "gaussian",
            "output": "sigmoid",
        },
        given=all_labels,
        parity="convolutions are faster in torch, and only there",
        engines=("pyro",),
    ),
    "mlp-generator-batch-norm": Row(
        "mlp_generator",
        {**_SMALL, "hidden": (7,), "normalise": "batch"},
        binary,
        mixes="it is normalised by the mean and variance of the batch",
    ),
    "mlp-generator": Row(
        "mlp_generator",
        {
            **_SMALL,
            "hidden": (7, 5),
            "prior": "uniform",
            "likelihood": "gaussian",
            "output": "sigmoid",
            "activation": "leaky-relu",
            "classes": 3,
        },
        given=all_labels,
    ),
    "vae": Row("vae", {**_SMALL, "hidden": (7, 5)}, binary),
    "vae-gaussian": Row(
        "vae",
        {**_SMALL, "hidden": (6,), "activation": "softplus", "likelihood": "gaussian"},
    ),
    "vae-mixed": Row(
        "vae",
        {**_CODES, "latent": "mixed", "likelihood": "discretised-logistic", "levels": 17},
        grey,
    ),
    "vae-categorical": Row(
        "vae", {**_CODES, "latent": "categorical", "likelihood": "learned-variance"}
    ),
    "vae-iaf": Row(
        "vae",
        {**_SMALL, "hidden": (7,), "flow": "iaf", "flow_length": 2, "flow_hidden": 8},
        binary,
    ),
    "vae-linear": Row("vae", {**_SMALL, "hidden": ()}, binary),
    "mixture": Row("mixture", {"data_dim": 12, "components": 3}),
    "mixture-bernoulli": Row(
        "mixture",
        {
            "data_dim": 12,
            "components": 3,
            "likelihood": "bernoulli",
            "guide": "amortised",
            "hidden": (7,),
        },
        binary,
    ),
    "hmm": Row(
        "hmm",
        {
            "data_dim": 1,
            "length": 4,
            "states": 3,
            "symbols": 5,
            "guide": "amortised",
            "hidden": (7,),
        },
        lambda random, rows, _: random.integers(0, 5, (rows, 4)).astype(np.float32),
        lambda random, rows, _: random.integers(1, 5, rows),
    ),
    "hmm-exact-guide": Row(
        "hmm",
        {"data_dim": 2, "length": 4, "states": 3, "emissions": "gaussian", "guide": "exact"},
        lambda random, rows, columns: real(random, rows, 4 * columns).reshape(rows, 4, columns),
    ),
    "hmm-summed": Row(
        "hmm",
        {"data_dim": 2, "length": 4, "states": 3, "emissions": "gaussian"},
        lambda random, rows, columns: real(random, rows, 4 * columns).reshape(rows, 4, columns),
        lambda random, rows, _: random.integers(1, 5, rows),
        latent=False,
    ),
}
DRAWS: dict[str, Draw] = {draw.__name__: draw for draw in (binary, grey, real, signs)}


def rows_in(folder: Path) -> dict[str, Row]:
    """The rows of a folder's TOML files, which `ppl-zoo new` writes: `data` names one of DRAWS.

    A row that needs functions of its own is written here instead.
    """
    found = {}
    for path in sorted(folder.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            engines = tuple(entry.pop("engines", ENGINES))
            found[name] = Row(data=DRAWS[entry.pop("data")], engines=engines, **entry)
    return found


ROWS |= rows_in(Path(__file__).parent / "model_rows")
MODELS = sorted({row.model for row in ROWS.values()})
PLACES = [(engine, name) for name, row in ROWS.items() for engine in row.engines]
