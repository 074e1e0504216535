from __future__ import annotations

import numpy as np
import pytest

from ppl_models.datasets import load

SPLITS = ("train", "valid", "test")


def is_binary(array) -> bool:
    return set(np.unique(array)) == {0, 1}


def test_default_is_dynamic_train_grey_valid_and_test_binary():
    digits = load("digits")
    assert (digits.binarisation, digits.seed, digits.dynamic) == ("dynamic", 0, True)
    assert (digits.train.shape, digits.valid.shape, digits.test.shape) == (
        (1297, 64),
        (200, 64),
        (300, 64),
    )
    assert set(np.unique(digits.train * 16)) == set(range(17))
    assert is_binary(digits.valid)
    assert is_binary(digits.test)


def test_the_same_load_gives_the_same_ids():
    assert load("digits", seed=3).id == load("digits", seed=3).id


@pytest.mark.parametrize("split", SPLITS)
def test_ids_differ_between_binarisations_and_seeds(split):
    ids = {
        str(load("digits", **options).data_id(split))
        for options in (
            {},
            {"seed": 1},
            {"binarisation": "threshold"},
            {"binarisation": None},
        )
    }
    assert len(ids) == 4


def test_the_seed_changes_the_draws_and_not_the_rows():
    one, two = load("digits", seed=0), load("digits", seed=1)
    assert (one.train == two.train).all()
    for split in SPLITS:
        assert (one.labels[split] == two.labels[split]).all()
    for split in ("valid", "test"):
        assert one.data_id(split).hash != two.data_id(split).hash


def test_threshold_is_above_one_half():
    grey, threshold = load("digits", binarisation=None), load("digits", binarisation="threshold")
    for split in SPLITS:
        assert (getattr(threshold, split) == (getattr(grey, split) > 0.5)).all()
    assert threshold.seed is None
    assert (threshold.dynamic, grey.dynamic) == (False, False)


def test_the_split_is_a_permutation_of_the_source():
    from sklearn.datasets import load_digits

    digits = load("digits", binarisation=None)
    ours = np.concatenate([getattr(digits, split) for split in SPLITS])
    classes = np.concatenate([digits.labels[split] for split in SPLITS])
    source, target = load_digits(return_X_y=True)
    joined = np.column_stack([ours * 16, classes])
    expected = np.column_stack([source, target])  # pyright: ignore[reportArgumentType]
    order = np.lexsort(joined.T)
    assert (joined[order] == expected[np.lexsort(expected.T)]).all()
    assert not (joined[:100] == expected[:100]).all()


def test_labels_are_read_only_integers():
    labels = load("digits").labels
    assert set(labels) == set(SPLITS)
    for array in labels.values():
        assert array.dtype == np.int64
        assert set(array) == set(range(10))
        assert not array.flags.writeable


def test_static_is_refused():
    with pytest.raises(
        ValueError, match=r"'digits' must be .* or None; got 'static'\. No fixed .* published"
    ):
        load("digits", binarisation="static")


def test_unknown_binarisation_is_refused():
    with pytest.raises(ValueError, match=r"one of 'dynamic', 'threshold' or None; got 'soft'\.$"):
        load("digits", binarisation="soft")


@pytest.mark.parametrize("seed", [-1, 0.5, True, None, "0"])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, got"):
        load("digits", seed=seed)
