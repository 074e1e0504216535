"""MNIST (LeCun, Bottou, Bengio & Haffner 1998), grey or under one of three binarisations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._binarisation import check_binarisation, check_seed, from_grey
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import PublishedFile, find
from ppl_models.datasets._formats import read_amat
from ppl_models.datasets._idx_images import grey_images, labels_of, wrong

_SHAPE = (28, 28)
_ROWS = {"train": 50_000, "valid": 10_000, "test": 10_000}


def _idx(name: str, sha256: str) -> PublishedFile:
    urls = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    return PublishedFile("mnist", name, sha256, urls)


def _amat(split: str, sha256: str) -> PublishedFile:
    urls = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",)
    return PublishedFile("binarized_mnist", f"binarized_mnist_{split}.amat", sha256, urls)


_TRAIN_IMAGES = _idx(
    "train-images-idx3-ubyte.gz",
    "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
)
_TRAIN_LABELS = _idx(
    "train-labels-idx1-ubyte.gz",
    "fe03b8bd7915f70bf5aa08be480aa413fbd85afcaa58b35d230d335f284fd88e",
)
_TEST_IMAGES = _idx(
    "t10k-images-idx3-ubyte.gz",
    "5634745efa576a17e7d4cf5cd9d09123c75e6538e5114267c2d156edaf519341",
)
_TEST_LABELS = _idx(
    "t10k-labels-idx1-ubyte.gz",
    "ae18e77e031ccde52407f794d123116439864147d33ac992975f85dd4dc42af6",
)
_STATIC = {
    "train": _amat("train", "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
    "valid": _amat("valid", "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
    "test": _amat("test", "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
}
FILES = (_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS, *_STATIC.values())


def load(*, binarisation: str | None = "dynamic", seed: int = 0) -> Dataset:
    """Load MNIST: 50,000 train, 10,000 valid and 10,000 test rows of 784 values.

    Valid is the last 10,000 rows of the training file. The files come from the folder in the
    environment variable `PPL_DATA`, from the user's cache, or from the web, in this order.

    Args:
        binarisation: `"dynamic"` (Salakhutdinov & Murray 2008), `"threshold"` (above 0.5), None
            for grey values, or `"static"`, the fixed files of Larochelle & Murray (2011), which
            have no labels.
        seed: seed of the draws of valid and test with `"dynamic"`; unused otherwise.

    Raises:
        ValueError: if an argument is out of range, or a file is damaged.
        FileNotFoundError: if a file is neither on this machine nor to be downloaded.
    """
    check_binarisation("mnist", binarisation, ("dynamic", "static", "threshold"))
    seed = check_seed(seed)
    if binarisation == "static":
        return Dataset(
            name="mnist",
            train=_static_images("train"),
            valid=_static_images("valid"),
            test=_static_images("test"),
            image_shape=_SHAPE,
            binarisation="static",
        )
    pixels, labels = grey_images(_TRAIN_IMAGES, 60_000, _SHAPE), labels_of(_TRAIN_LABELS, 60_000)
    cut = _ROWS["train"]
    return from_grey(
        "mnist",
        {
            "train": pixels[:cut],
            "valid": pixels[cut:],
            "test": grey_images(_TEST_IMAGES, _ROWS["test"], _SHAPE),
        },
        labels={
            "train": labels[:cut],
            "valid": labels[cut:],
            "test": labels_of(_TEST_LABELS, _ROWS["test"]),
        },
        image_shape=_SHAPE,
        binarisation=binarisation,
        seed=seed,
    )


def _static_images(split: str) -> NDArray[np.float32]:
    path = find(_STATIC[split])
    rows, columns = _ROWS[split], 28 * 28
    pixels = read_amat(path, columns=columns)
    if len(pixels) != rows:
        raise wrong(path, expected=f"{rows} rows", got=f"{len(pixels)}")
    return pixels.astype(np.float32)
