"""What comes as a field of a data set, or as an option of `load`, is taken as it is or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from ppl_models import create
from ppl_models.datasets import Dataset, labelled, load, quadrants

ROWS = np.eye(4, dtype=np.float32)
ODD: dict[str, Any] = {
    "None": None,
    "text": "abc",
    "text of numbers": ROWS.astype(str),
    "complex": ROWS + 1j,
    "masked": np.ma.masked_array(ROWS, mask=ROWS > 0),
    "dates": np.full((4, 4), np.datetime64("2020-01-01")),
    "lengths of time": np.full((4, 4), np.timedelta64(1, "D")),
    "unequal rows": [[1, 2], [3]],
    "an object": object(),
    "meta": torch.empty(4, 4, device="meta"),
    "words": {"a": 1},
    "many digits": 10**400,
    "holds itself": (held := []).append(held) or held,
}


def small(**changes: Any) -> Dataset:
    fields: dict[str, Any] = dict.fromkeys(("train", "valid", "test"), ROWS)
    return Dataset(**({"name": "toy", "image_shape": (2, 2)} | fields | changes))


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_odd_fields_are_refused_by_their_names(value: Any) -> None:
    split = {"train": value, "valid": np.arange(4), "test": np.arange(4)}
    for field in ("train", "test", "image_shape"):
        with pytest.raises(ValueError, match=field):
            small(**{field: value})
    for field in ("labels", "y"):
        with pytest.raises(ValueError, match=field):
            small(**{field: split, "variant": "v"})
        if value is not None:
            with pytest.raises(ValueError, match=field):
                small(**{field: value, "variant": "v"})
    if not isinstance(value, str):
        for field in ("name", "variant"):
            with pytest.raises(ValueError, match=field):
                small(**{field: value})
    asked: Any = (labelled, quadrants, small().arrays, small().data_id)
    for made in asked:
        with pytest.raises(ValueError, match=r"dataset must be|split must be"):
            made(value)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.tolist(),
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).astype({0: int, 1: bool}),
        scipy.sparse.csr_matrix(ROWS),
        torch.tensor(ROWS, requires_grad=True),
        torch.tensor(ROWS).to_sparse(),
        ROWS.astype(">f8"),
        ROWS.astype(bool),
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_whatever_holds_numbers_is_rows(rows: Any) -> None:
    found = small(train=rows, image_shape=(np.int64(2), np.int64(2)))
    np.testing.assert_array_equal(found.train, ROWS)
    assert found.data_id("train") == small().data_id("train")


def test_a_name_is_text_of_one_line() -> None:
    for name in ("a\nb", "a\0b", "\ud800"):
        with pytest.raises(ValueError, match="name must be text of one line"):
            small(name=name)
    assert small(name="ёж 🙂").name == "ёж 🙂"


def test_numbers_of_numpy_are_options() -> None:
    known = load("bars", words=20, seed=2).data_id("train")
    assert load("bars", words=np.int64(20), seed=np.uint8(2)).data_id("train") == known
    few = load("digits", labels=10)
    assert load("digits", labels=np.int16(10)).data_id("train") == few.data_id("train")
    assert labelled(load("digits"), np.int64(10)).data_id("train") == few.data_id("train")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("option", ["seed", "labels", "label_seed", "quadrants"])
@pytest.mark.parametrize("unit", ["D", "generic"])
def test_lengths_of_time_are_no_numbers(option: str, unit: str) -> None:
    value = np.timedelta64(2) if unit == "generic" else np.timedelta64(2, unit)
    with pytest.raises(ValueError, match=option):
        load("digits", **{option: value})


def test_lists_that_hold_themselves_are_no_options() -> None:
    held: list[Any] = [1]
    held.append(held)
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for value in (held, deep):
        with pytest.raises(ValueError, match="hidden must have at most 20 lists within"):
            create("vae", engine="pyro", hidden=value)
        with pytest.raises(ValueError, match="seed must have at most 20 lists within"):
            load("digits", seed=value)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("size", [10**12, 10**30])
def test_a_large_whole_number_is_a_scale(engine: str, size: int) -> None:
    exact: Any = create("ppca", engine=engine, data_dim=3, noise_scale=size)
    np.testing.assert_allclose(exact.get_weights()["log_noise"], np.log(float(size)), rtol=1e-6)
    wide: Any = create("random_effects", engine=engine, spread=size, mean_scale=size)
    assert wide.spread == wide.mean_scale == float(size)
    load("bars", concentration=size)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_weights_are_real_numbers(engine: str) -> None:
    pair: Any = create("ppca", engine=engine, data_dim=3)
    own = pair.get_weights()
    for odd in (None, "abc", own["mean"] + 1j, [[1], [1, 2]], object(), np.ma.masked_all(3)):
        with pytest.raises(ValueError, match=r"weights\['mean'\]"):
            pair.set_weights(own | {"mean": odd})
    with pytest.raises(ValueError, match="weights must be a dictionary"):
        pair.set_weights([1])
    for same in (
        [1, 2, 3],
        torch.tensor([1.0, 2, 3], requires_grad=True),
        np.array([1, 2, 3], ">f4"),
    ):
        pair.set_weights(own | {"mean": same})
        np.testing.assert_array_equal(pair.get_weights()["mean"], [1, 2, 3])
        assert pair.get_weights()["mean"].dtype == np.float32
