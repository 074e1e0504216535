"""Fashion-MNIST: clothes in the form of MNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from ppl_models.datasets._binarisation import check_binarisation, check_seed, from_grey
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import PublishedFile
from ppl_models.datasets._idx_images import grey_images, labels_of

_SHAPE = (28, 28)
_TRAIN, _ALL, _TEST = 50_000, 60_000, 10_000


def _file(name: str, sha256: str) -> PublishedFile:
    urls = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    return PublishedFile("fashion_mnist", name, sha256, urls, of_its_own=True)


FILES = (
    _file(
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    _file(
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    _file(
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    _file(
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def load(*, binarisation: str | None = "dynamic", seed: int = 0) -> Dataset:
    """Load Fashion-MNIST: 50,000 train, 10,000 valid and 10,000 test rows of 784 values.

    Valid is the last 10,000 rows of the training file, as for `mnist`, whose file names these are:
    they are looked for in `$PPL_DATA/fashion_mnist` alone.

    Args:
        binarisation: `"dynamic"`, `"threshold"` (above 0.5), or None for grey values.
        seed: seed of the draws of valid and test with `"dynamic"`; unused otherwise.

    Raises:
        ValueError: if an argument is out of range, or a file is damaged.
        FileNotFoundError: if a file is neither on this machine nor to be downloaded.
    """
    check_binarisation("fashion_mnist", binarisation, ("dynamic", "threshold"))
    seed = check_seed(seed)
    train_images, train_labels, test_images, test_labels = FILES
    pixels, classes = grey_images(train_images, _ALL, _SHAPE), labels_of(train_labels, _ALL)
    return from_grey(
        "fashion_mnist",
        {
            "train": pixels[:_TRAIN],
            "valid": pixels[_TRAIN:],
            "test": grey_images(test_images, _TEST, _SHAPE),
        },
        labels={
            "train": classes[:_TRAIN],
            "valid": classes[_TRAIN:],
            "test": labels_of(test_labels, _TEST),
        },
        image_shape=_SHAPE,
        binarisation=binarisation,
        seed=seed,
    )
