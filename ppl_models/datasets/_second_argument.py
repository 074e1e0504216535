"""Data sets for pairs that take a second argument: class labels, or part of the image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import SPLITS, Dataset
from ppl_models.networks.arguments import check_sizes

MISSING = -1


def labelled(
    dataset: Dataset, count: int | Literal["all"] = "all", *, label_seed: int = 0
) -> Dataset:
    """The data set with its labels as the second argument, all of them or few.

    With a count, so many training rows keep their label, equally many of each class (Kingma et al.
    2014, arXiv:1406.5298, take them so), and all other labels are -1, those of valid and test
    included: what is scored there is log p(x). `Dataset.labels` still has them all.

    Args:
        dataset: a data set with labels.
        count: how many labels to keep, a multiple of the number of classes; or `"all"`.
        label_seed: seed of the choice.

    Raises:
        ValueError: if the data set has no labels, or there are not so many.
    """
    _check_dataset(dataset)
    if not dataset.labels:
        raise ValueError(
            f"{dataset!r} has no labels; load it with another binarisation, for example "
            "binarisation='dynamic'."
        )
    if isinstance(count, str) and count == "all":
        return replace(dataset, y=dict(dataset.labels), variant=_named(dataset, "labels=all"))
    train = dataset.labels["train"]
    classes, sizes = np.unique(train, return_counts=True)
    number = 0 if isinstance(count, str) or not _is_whole(count) else int(count)
    if number < 1 or number % len(classes) or number // len(classes) > sizes.min():
        raise ValueError(
            f"labels must be 'all' or a multiple of the {len(classes)} classes, and at most "
            f"{sizes.min() * len(classes)} here; got {shown(count)}."
        )
    random = np.random.default_rng(_check_seed(label_seed))
    kept = np.concatenate(
        [
            random.choice(np.flatnonzero(train == each), number // len(classes), replace=False)
            for each in classes
        ]
    )
    y = {split: np.full(len(getattr(dataset, split)), MISSING, np.int64) for split in SPLITS}
    y["train"][kept] = train[kept]
    return replace(
        dataset, y=y, variant=_named(dataset, f"labels={number},label_seed={label_seed}")
    )


def quadrants(dataset: Dataset, observed: int = 1) -> Dataset:
    """Images cut in two: some quadrants as the second argument, the others to be predicted.

    One observed quadrant is the lower left, two are the left half, three are all but the upper
    right (Sohn, Lee & Yan 2015). Columns keep the order that they have in the image.

    Args:
        dataset: a data set of images.
        observed: 1, 2 or 3.

    Raises:
        ValueError: if `observed` is another number, or the images do not split into quadrants.
    """
    if not _is_quadrants(observed):
        raise ValueError(f"quadrants must be 1, 2 or 3, the observed ones; got {shown(observed)}.")
    shape = _check_dataset(dataset).image_shape
    if len(shape) != 2 or shape[0] % 2 or shape[1] % 2 or dataset.train.ndim != 2:
        raise ValueError(
            f"quadrants need flat images of even height and width, got image_shape={shape} and "
            f"rows of shape {dataset.train.shape[1:]}; crop or pad the images first."
        )
    seen = observed_pixels(shape, observed).ravel()
    images = {split: getattr(dataset, split) for split in SPLITS}
    return replace(
        dataset,
        **{split: image[:, ~seen] for split, image in images.items()},
        image_shape=(int((~seen).sum()),),
        y={split: np.ascontiguousarray(image[:, seen]) for split, image in images.items()},
        variant=_named(dataset, f"quadrants={observed}"),
    )


def observed_pixels(image_shape: tuple[int, ...], observed: int) -> NDArray[np.bool_]:
    """Which pixels `quadrants` hands over as observed, in the shape of the image.

    Raises:
        ValueError: if `observed` is not 1, 2 or 3, or an image has not two dimensions.
    """
    if not _is_quadrants(observed):
        raise ValueError(f"observed must be 1, 2 or 3 quadrants, got {shown(observed)}.")
    if len(check_sizes("image_shape", image_shape)) != 2:
        raise ValueError(f"image_shape must be (height, width), got {shown(image_shape)}.")
    height, width = (side // 2 for side in image_shape)
    seen = np.zeros(image_shape, dtype=bool)
    seen[height:, :width] = True  # lower left
    if observed > 1:
        seen[:height, :width] = True
    if observed > 2:
        seen[height:, width:] = True
    return seen


def with_second_argument(
    dataset: Dataset, *, labels: Any = None, label_seed: int = 0, quadrants_observed: Any = None
) -> Dataset:
    """The data set that the options of `load` ask for.

    Raises:
        ValueError: if both are asked for, or one is out of range.
    """
    _check_seed(label_seed)
    if labels is not None and quadrants_observed is not None:
        raise ValueError("Give labels or quadrants, not both; a pair takes one second argument.")
    if labels is not None:
        return labelled(dataset, labels, label_seed=label_seed)
    if quadrants_observed is not None:
        return quadrants(dataset, quadrants_observed)
    return dataset


def _named(dataset: Dataset, given: str) -> str:
    """The variant with what is given added; that of an earlier second argument is gone."""
    kept = [dataset.variant] if dataset.variant and not dataset.y else []
    return ",".join([*kept, given])


def _check_dataset(dataset: Any) -> Dataset:
    """Return `dataset` if it is one.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(dataset, Dataset):
        raise ValueError(f"dataset must be what load returns, got {shown(dataset)}.")
    return dataset


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def _is_quadrants(observed: Any) -> bool:
    """Whether it is the whole number 1, 2 or 3."""
    return _is_whole(observed) and bool(1 <= observed <= 3)


def _check_seed(label_seed: Any) -> Any:
    """Return the seed of the choice of labels, also where all are taken.

    Raises:
        ValueError: if it is none.
    """
    if not _is_whole(label_seed) or label_seed < 0:
        raise ValueError(f"label_seed must be a whole number from 0 on, got {shown(label_seed)}.")
    return label_seed
