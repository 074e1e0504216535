"""Labels and quadrants as the second argument of a pair."""

from __future__ import annotations

import numpy as np
import pytest

from ppl_models.datasets import Dataset, labelled, load, observed_pixels, quadrants


def digits(**options: object) -> Dataset:
    return load("digits", **options)


def test_all_labels_are_the_dataset_s_own() -> None:
    data = digits(labels="all")
    for split in ("train", "valid", "test"):
        x, y = data.arrays(split)
        assert x is getattr(data, split)
        np.testing.assert_array_equal(y, digits().labels[split])
        assert not y.flags.writeable


def test_few_labels_are_right_balanced_and_chosen_by_the_seed() -> None:
    plain, data = digits(), digits(labels=50, label_seed=3)
    y = data.y["train"]
    kept = np.flatnonzero(y >= 0)
    assert len(kept) == 50
    np.testing.assert_array_equal(y[kept], plain.labels["train"][kept])
    np.testing.assert_array_equal(np.bincount(y[kept]), np.full(10, 5))
    for split in ("valid", "test"):  # scored without labels
        assert (data.y[split] == -1).all()
    np.testing.assert_array_equal(data.y["train"], digits(labels=50, label_seed=3).y["train"])
    assert (data.y["train"] != digits(labels=50, label_seed=4).y["train"]).any()


def test_the_id_tells_second_arguments_apart() -> None:
    ids = {
        str(digits(**options).data_id("train"))
        for options in (
            {},
            {"labels": "all"},
            {"labels": 50},
            {"labels": 50, "label_seed": 1},
            {"quadrants": 1},
            {"quadrants": 2},
        )
    }
    assert len(ids) == 6
    assert str(digits(labels=50).data_id("train")).startswith("digits+labels=50,label_seed=0/train")


@pytest.mark.parametrize("observed", [1, 2, 3])
def test_quadrants_cut_every_image_in_two(observed: int) -> None:
    plain, data = digits(), digits(quadrants=observed)
    seen = observed_pixels((8, 8), observed)
    assert seen.sum() == observed * 16
    for split in ("train", "valid", "test"):
        x, y = data.arrays(split)
        assert (x.shape[1], y.shape[1]) == (64 - observed * 16, observed * 16)
        whole = np.empty_like(getattr(plain, split))
        whole[:, seen.ravel()], whole[:, ~seen.ravel()] = y, x
        np.testing.assert_array_equal(whole, getattr(plain, split))


def test_observed_quadrants_are_those_of_sohn_et_al() -> None:
    corners = {"upper left": (0, 0), "upper right": (0, 7), "lower left": (7, 0), "right": (7, 7)}
    seen = [
        {name for name, place in corners.items() if observed_pixels((8, 8), count)[place]}
        for count in (1, 2, 3)
    ]
    assert seen == [
        {"lower left"},
        {"lower left", "upper left"},
        {"lower left", "upper left", "right"},
    ]


def odd() -> Dataset:
    images = np.zeros((3, 9), dtype=np.float32)
    return Dataset(name="odd", train=images, valid=images, test=images, image_shape=(3, 3))


def test_what_cannot_be_is_explained() -> None:
    with pytest.raises(ValueError, match=r"even height and width, got image_shape=\(3, 3\)"):
        quadrants(odd())
    with pytest.raises(ValueError, match=r"quadrants must be 1, 2 or 3, .* got 4"):
        quadrants(digits(), 4)
    with pytest.raises(ValueError, match=r"has no labels; load it with another binarisation"):
        labelled(odd(), 10)
    for count in (7, 0, -10, 100_000, "some", True):
        with pytest.raises(ValueError, match=r"labels must be 'all' or a multiple of the 10"):
            labelled(digits(), count)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="labels or quadrants, not both"):
        load("digits", labels=10, quadrants=1)
    with pytest.raises(TypeError, match=r"no option 'label'\. Did you mean 'labels'"):
        load("digits", label=10)
    with pytest.raises(ValueError, match="Give variant with y"):
        Dataset(**{**vars(odd()), "y": {"train": np.zeros(3)}})
    full = {split: np.zeros(3) for split in ("train", "valid", "test")}
    with pytest.raises(ValueError, match=r"y must be empty or have the keys .* got train"):
        Dataset(**{**vars(odd()), "y": {"train": np.zeros(3)}, "variant": "v"})
    with pytest.raises(ValueError, match=r"y\['test'\] must have 3 rows, got 2"):
        Dataset(**{**vars(odd()), "y": {**full, "test": np.zeros(2)}, "variant": "v"})
