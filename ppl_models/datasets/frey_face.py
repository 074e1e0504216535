"""Frey Face: 1,965 grey pictures of one man's face, from a film (Roweis, Saul & Hinton 2002)."""

from __future__ import annotations

import numpy as np

from ppl_models._shown import shown
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import PublishedFile, find
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._matlab import read_mat

_SHAPE = (28, 20)
_ROWS, FOLDS = 1965, 10
_FILE = PublishedFile(
    "frey_face",
    "frey_rawface.mat",
    "ef2277be095baaea58dcaf1ab565e2684e80e291032fe282ed70c0a902c3f9bb",
    ("https://cs.nyu.edu/~roweis/data/",),
)
FILES = (_FILE,)


def load(*, fold: int = 0) -> Dataset:
    """Load Frey Face: rows of 560 grey values in [0, 1], multiples of 1/255.

    The frames of the film are shuffled once, the same for all folds, and cut into ten parts of 196
    or 197: part `fold` is test, the next one valid, the other eight are train. Frames that follow
    each other look alike, so a row of test has near neighbours in train.

    Args:
        fold: which tenth is test, from 0 to 9.

    Raises:
        ValueError: if the fold is out of range, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    if isinstance(fold, bool) or not isinstance(fold, int) or not 0 <= fold < FOLDS:
        raise ValueError(f"fold must be a whole number from 0 to {FOLDS - 1}, got {shown(fold)}.")
    path = find(_FILE)
    pixels = read_mat(path, ("ff",))["ff"]
    if pixels.shape != (np.prod(_SHAPE), _ROWS) or pixels.dtype != np.uint8:
        raise ValueError(
            f"{path} should hold bytes of shape {(560, _ROWS)} under 'ff'; it holds "
            f"{pixels.dtype} of shape {pixels.shape}. {REMEDY}"
        )
    parts = np.array_split(np.random.default_rng(0).permutation(_ROWS), FOLDS)
    test, valid = parts[fold], parts[(fold + 1) % FOLDS]
    train = np.concatenate([parts[(fold + step) % FOLDS] for step in range(2, FOLDS)])
    faces = np.ascontiguousarray(pixels.T).astype(np.float32) / np.float32(255)
    return Dataset(
        name="frey_face",
        train=faces[train],
        valid=faces[valid],
        test=faces[test],
        image_shape=_SHAPE,
        variant=f"fold={fold}",
    )
