"""Small data, small pairs, and what it means for two runs to be the same."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from inference import Adversarial, fit, load_run
from ppl_models import create
from ppl_models.datasets import Dataset

ROWS, WIDTH, BATCH = 24, 6, 4  # six steps an epoch


def binary(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((rows, WIDTH)) < 0.4).astype(np.float32)


def grey_dataset() -> Dataset:
    grey = np.random.default_rng(1).random((ROWS, WIDTH)).astype(np.float32)
    return Dataset(
        name="tiny",
        train=grey,
        valid=binary(9, seed=2),
        test=binary(5, seed=3),
        image_shape=(2, 3),
        binarisation="dynamic",
        seed=0,
    )


def vae(engine: str, **changes: Any) -> Any:
    return create(
        "vae", **({"engine": engine, "data_dim": WIDTH, "latent_dim": 2, "hidden": (3,)} | changes)
    )


def quick(pair: Any, data: Any, **arguments: Any) -> Any:
    return fit(pair, data, **({"batch_size": BATCH, "progress": False} | arguments))


def bare(engine: str) -> tuple[Any, Any]:
    """A model and a guide without a class: x ~ Normal(weight z, scale), z ~ Normal(0, 1)."""
    functions = importlib.import_module(f"tiny_{engine}")
    return functions.model, functions.guide


def learnt(learning: str, engine: str, **arguments: Any) -> Any:
    """A fit of bare functions by the ELBO, or of a generator against a critic that takes turns."""
    if learning == "elbo":
        return quick(bare(engine), binary(), **arguments)
    generator = create(
        "mlp_generator", engine=engine, data_dim=WIDTH, latent_dim=2, hidden=(3,), noise_scale=1.0,
        likelihood="gaussian",
    )  # fmt: skip
    against = Adversarial(
        hidden=(4,), critic_steps=2, instance_noise=0.2, noise_steps=1000, freeze=0.9
    )
    return quick(generator, binary(), objective=against, **arguments)


def loaded(engine: str, folder: Any) -> Any:
    """The run of bare functions in a folder."""
    return load_run(folder, pair=bare(engine), batch=(binary(3),))


def assert_same_parameters(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert array.tobytes() == other[name].tobytes(), name


def assert_same_rows(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    def timeless(rows: list[dict[str, float]]) -> list[dict[str, float]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert timeless(one) == timeless(other)


def assert_same_run(one: Any, other: Any) -> None:
    assert (one.status, one.step) == (other.status, other.step)
    assert_same_parameters(one.parameters, other.parameters)
    assert_same_rows(one.rows, other.rows)


def differs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(not np.array_equal(array, other[name]) for name, array in one.items())
