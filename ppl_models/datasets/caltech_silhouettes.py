"""Caltech 101 Silhouettes: filled outlines (Marlin, Swersky, Chen & de Freitas 2010)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._dataset import SPLITS, Dataset
from ppl_models.datasets._files import PublishedFile, find, pinned
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._matlab import read_mat, real_entries

_SHAPE, _CLASSES = (28, 28), 101
_FILE_SPLITS = {"train": "train", "valid": "val", "test": "test"}
FILES = (
    PublishedFile(
        "caltech_silhouettes",
        "caltech101_silhouettes_28_split1.mat",
        None,
        ("https://people.cs.umass.edu/~marlin/data/",),
    ),
)


def load(*, sha256: str | None = None) -> Dataset:
    """Load the silhouettes: 4,100 train, 2,264 valid and 2,307 test rows of 784 zeros and ones.

    The splits and the values are the file's own; its images lie on their side, here they stand
    upright. The labels are the 101 classes, from 0 on.

    No SHA-256 of the file is known for certain, so that it is not downloaded without one of yours.

    Args:
        sha256: of the file, where you know it: it is then downloaded if need be, and refused if it
            has another.

    Raises:
        ValueError: if the argument is no SHA-256, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    path = find(pinned(FILES[0], sha256))
    names = [f"{file}_{kind}" for file in _FILE_SPLITS.values() for kind in ("data", "labels")]
    held = read_mat(path, tuple(names))
    images, labels = {}, {}
    for split, file in _FILE_SPLITS.items():
        found, classes = held[f"{file}_data"], held[f"{file}_labels"].ravel()
        _check(found, classes, f"{path}: {file}_data and {file}_labels")
        upright = found.reshape(-1, *_SHAPE).transpose(0, 2, 1).reshape(-1, 784)
        images[split] = np.ascontiguousarray(upright, dtype=np.float32)
        labels[split] = classes.astype(np.int64) - 1
    return Dataset(
        name="caltech_silhouettes",
        **{split: images[split] for split in SPLITS},
        labels=labels,
        image_shape=_SHAPE,
        binarisation="static",
    )


def _check(images: NDArray[Any], classes: NDArray[Any], where: str) -> None:
    """Refuse what are no zeros and ones with a class from 1 for each.

    Raises:
        ValueError: naming the file, the arrays, and what they hold.
    """
    binary = real_entries(images) and images.ndim == 2 and images.shape[1] == 784
    binary = binary and len(images) and np.isin(images, (0, 1)).all()
    known = real_entries(classes) and np.isin(classes, np.arange(1, _CLASSES + 1)).all()
    if not binary or not known or len(classes) != len(images):
        raise ValueError(
            f"{where} should hold zeros and ones of shape (N, 784) and a class from 1 to "
            f"{_CLASSES} for each; they hold {images.dtype} of shape {images.shape} and "
            f"{len(classes)} classes{_span(classes)}. {REMEDY}"
        )


def _span(classes: NDArray[Any]) -> str:
    """From where to where classes go, in words."""
    if not real_entries(classes) or not classes.size:
        return f" of {classes.dtype}"
    return f" of {classes.dtype} from {classes.min()} to {classes.max()}"
