"""Omniglot: hand-drawn characters of 50 alphabets (Lake, Salakhutdinov & Tenenbaum 2015).

In 28 x 28 grey pixels and with the split of Burda, Grosse & Salakhutdinov (2016,
arXiv:1509.00519), on which most published likelihoods were measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._binarisation import check_binarisation, check_seed, from_grey
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import PublishedFile, find, pinned
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._matlab import read_mat, real_entries

_SHAPE, _VALID = (28, 28), 1345
FILES = (
    PublishedFile(
        "omniglot",
        "chardata.mat",
        None,
        ("https://raw.githubusercontent.com/yburda/iwae/master/datasets/OMNIGLOT/",),
    ),
)


def load(
    *, binarisation: str | None = "dynamic", seed: int = 0, sha256: str | None = None
) -> Dataset:
    """Load Omniglot: 23,000 train, 1,345 valid and 8,070 test rows of 784 values.

    Valid is the last 1,345 rows of the file's `data`, test its `testdata`. The labels are the
    alphabets, from 0 to 49. The file's images lie on their side, here they stand upright.

    No SHA-256 of the file is known for certain, so that it is not downloaded without one of yours.

    Args:
        binarisation: `"dynamic"`, `"threshold"` (above 0.5), or None for grey values.
        seed: seed of the draws of valid and test with `"dynamic"`; unused otherwise.
        sha256: of `chardata.mat`, where you know it: it is then downloaded if need be, and refused
            if it has another.

    Raises:
        ValueError: if an argument is out of range, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    check_binarisation("omniglot", binarisation, ("dynamic", "threshold"))
    seed = check_seed(seed)
    path = find(pinned(FILES[0], sha256))
    names = ("data", "testdata", "target", "testtarget")
    held = read_mat(path, names)
    grey, alphabets = {}, {}
    for split, images, target in (("train", "data", "target"), ("test", "testdata", "testtarget")):
        grey[split] = _upright(held[images], f"{path}: {images!r}")
        alphabets[split] = _alphabets(held[target], len(grey[split]), f"{path}: {target!r}")
    cut = len(grey["train"]) - _VALID
    if cut < 1:
        raise ValueError(
            f"{path} should hold more than {_VALID} images in 'data', the last {_VALID} of which "
            f"are for validation; it holds {len(grey['train'])}. {REMEDY}"
        )
    for parts in (grey, alphabets):
        parts["train"], parts["valid"] = parts["train"][:cut], parts["train"][cut:]
    return from_grey(
        "omniglot",
        grey,
        labels=alphabets,
        image_shape=_SHAPE,
        binarisation=binarisation,
        seed=seed,
    )


def _upright(images: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Images (784, N), column by column, as rows (N, 784), row by row."""
    real = images.dtype.kind == "f" and images.ndim == 2 and images.size
    if not real or len(images) != 784 or not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"{where} should hold real numbers in [0, 1] of shape (784, N); it holds "
            f"{images.dtype} of shape {images.shape}. {REMEDY}"
        )
    turned = images.T.reshape(-1, *_SHAPE).transpose(0, 2, 1).reshape(-1, 784)
    return np.ascontiguousarray(turned, dtype=np.float32)


def _alphabets(target: NDArray[Any], rows: int, where: str) -> NDArray[np.int64]:
    """The place of the one in each column."""
    shaped = real_entries(target) and target.ndim == 2 and target.shape[1] == rows
    if not shaped or not np.isin(target, (0, 1)).all() or not (target.sum(0) == 1).all():
        raise ValueError(
            f"{where} should hold a one among zeros for each of {rows} images; its shape is "
            f"{target.shape}. {REMEDY}"
        )
    return target.argmax(0).astype(np.int64)
