from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
from typing import Any

import numpy as np
import pytest

from ppl_models.datasets import DataId, Dataset

SIZES = {"train": 5, "valid": 3, "test": 4}


def small(**changes: Any) -> Dataset:
    rng = np.random.default_rng(1)
    fields: dict[str, Any] = {"name": "toy", "image_shape": (2, 3)}
    fields |= {split: rng.random((rows, 6)) for split, rows in SIZES.items()}
    return Dataset(**(fields | changes))


def test_arrays_are_contiguous_float32_and_read_only():
    dataset = small(train=np.asfortranarray(np.eye(6)))
    for split in SIZES:
        array = getattr(dataset, split)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_data_mean_is_over_the_rows_of_train():
    dataset = small()
    np.testing.assert_allclose(dataset.data_mean, dataset.train.mean(axis=0), rtol=1e-6)
    assert dataset.data_mean.shape == (6,)
    assert dataset.data_mean.dtype == np.float32
    assert not dataset.data_mean.flags.writeable


def test_data_mean_of_sequences_is_over_the_steps_that_they_have():
    given = {split: np.zeros((2, 3, 4), np.float32) for split in SIZES}
    given["train"][0, 0], given["train"][1, :2] = [1, 0, 0, 0], [[0, 1, 0, 0], [1, 1, 0, 0]]
    given["train"][0, 1:] = 1  # filled up
    lengths = {split: np.array([1, 2]) for split in SIZES}
    fields = {"name": "small", "image_shape": (3, 4), **given}
    sequences = Dataset(**fields, y=lengths, variant="lengths")
    np.testing.assert_allclose(sequences.data_mean, np.array([2, 2, 0, 0]) / 3, rtol=1e-6)
    longer = Dataset(**fields, y=lengths, variant="lengths,length=3")
    np.testing.assert_array_equal(longer.data_mean, sequences.data_mean)
    full = Dataset(**fields)
    np.testing.assert_allclose(full.data_mean, np.array([4, 4, 2, 2]) / 6, rtol=1e-6)


def test_id_is_the_sha256_of_shape_dtype_and_bytes():
    dataset = small()
    data_id = dataset.data_id("test")
    digest = hashlib.sha256(b"(4, 6) <f4 " + dataset.test.tobytes()).hexdigest()
    assert data_id == DataId("toy", "test", None, None, digest[:12])
    assert str(data_id) == f"toy/test/grey/{digest[:12]}"
    assert dataset.id == {split: dataset.data_id(split) for split in SIZES}
    assert json.loads(json.dumps(data_id.as_dict())) == {
        "dataset": "toy",
        "split": "test",
        "binarisation": None,
        "seed": None,
        "hash": digest[:12],
    }


def test_id_with_a_seed():
    data_id = DataId("mnist", "test", "dynamic", 0, "3f2a9c1b04de")
    assert str(data_id) == "mnist/test/dynamic/seed=0/3f2a9c1b04de"


def test_id_tells_one_value_and_one_shape_apart():
    base = small(test=np.zeros((4, 6)))
    changed = np.zeros((4, 6))
    changed[3, 5] = 1
    ids = {
        base.data_id("test").hash,
        small(test=changed).data_id("test").hash,
        small(
            train=np.zeros((1, 8)),
            valid=np.zeros((1, 8)),
            test=np.zeros((3, 8)),
            image_shape=(8,),
        )
        .data_id("test")
        .hash,
    }
    assert len(ids) == 3


def test_id_of_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of train, valid, test; got 'dev'"):
        small().data_id("dev")


def test_real_values_need_not_be_grey_levels():
    rows = np.linspace(-3, 9, 24).reshape(4, 6)
    for seed, part in ((None, ""), (2, "seed=2/")):
        dataset = small(test=rows, binarisation="real", seed=seed)
        np.testing.assert_array_equal(dataset.test, rows.astype(np.float32))
        assert not dataset.dynamic
        identity = dataset.data_id("test")
        assert str(identity) == f"toy/test/real/{part}{identity.hash}"


def test_repr_is_short_and_holds_no_arrays():
    assert repr(small()) == (
        "Dataset('toy', train=(5, 6), valid=(3, 6), test=(4, 6), image_shape=(2, 3), labels=no, "
        "binarisation=None)"
    )


def test_a_pickled_copy_has_the_same_ids():
    dataset = small()
    assert pickle.loads(pickle.dumps(dataset)).id == dataset.id


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"binarisation": "fixed"},
            r"binarisation must be one of .*'threshold', 'real', None; got 'fixed'",
        ),
        ({"seed": 0}, r"seed with binarisation='dynamic', .*, or 'real'; got seed=0 with .*=None"),
        (
            {"binarisation": "real", "test": np.full((4, 6), np.inf)},
            "test must hold finite numbers, got NaN or infinite values",
        ),
        ({"binarisation": "dynamic"}, r"got seed=None with binarisation='dynamic'"),
        ({"train": np.zeros((5, 7))}, r"train must have shape \(N, 6\).*got \(5, 7\)"),
        ({"valid": np.zeros((0, 6))}, r"valid must have shape .* at least 1.*got \(0, 6\)"),
        ({"test": np.full((4, 6), 2.0)}, r"test must lie in \[0, 1\], got values from 2.0 to 2.0"),
        ({"test": np.full((4, 6), np.nan)}, r"test must lie in \[0, 1\], got values from nan"),
        ({"binarisation": "static"}, r"train must hold only 0 and 1 with binarisation='static'"),
        (
            {"binarisation": "dynamic", "seed": 0},
            r"valid must hold only 0 and 1 with binarisation='dynamic'; binarise it first",
        ),
        ({"labels": {"train": np.zeros(5)}}, r"labels must be empty or have the keys.*got train"),
        (
            {"labels": {split: np.zeros(5) for split in SIZES}},
            r"labels\['valid'\] must have shape \(3,\), got \(5,\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**changes)
