"""What a data set is: three read-only splits, their labels and their fingerprints."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._numbers import real_numbers
from ppl_models._shown import shown
from ppl_models.datasets._fields import SPLITS, check_by_split, check_split, check_words
from ppl_models.networks.arguments import check_sizes


@dataclass(frozen=True)
class DataId:
    """Which numbers a result was computed on.

    Attributes:
        dataset: name of the data set.
        split: `"train"`, `"valid"` or `"test"`.
        binarisation: `"dynamic"`, `"static"`, `"threshold"`, None for grey values, or `"real"`.
        seed: seed of the binarisation or of the data, None where nothing was drawn.
        hash: first 12 hex digits of the SHA-256 of the split's shape, dtype and bytes as held.
    """

    dataset: str
    split: str
    binarisation: str | None
    seed: int | None
    hash: str

    def __str__(self) -> str:
        seed = () if self.seed is None else (f"seed={self.seed}",)
        return "/".join((self.dataset, self.split, self.binarisation or "grey", *seed, self.hash))

    def as_dict(self) -> dict[str, str | int | None]:
        """The five fields by name, ready for JSON."""
        return dataclasses.asdict(self)


# eq=False: field-by-field equality of arrays has no truth value; compare the ids instead.
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Dataset:
    """Three splits of one data set, shape (N, D), float32 in [0, 1] or real, read-only.

    Rows of sequences keep their shape: (N, steps, columns), with `image_shape=(steps, columns)`.

    With `binarisation="dynamic"` train holds grey probabilities, which the training step binarises
    afresh each time it uses them (Salakhutdinov & Murray 2008), while valid and test were
    binarised once from `seed`, so that scores are repeatable. With `binarisation="real"` the values
    are no grey levels but any finite numbers.

    The arrays given are not copied where they already are C-contiguous float32; they are made
    read-only in place.

    Attributes:
        name: name of the data set.
        train: shape (N_train, D).
        valid: shape (N_valid, D).
        test: shape (N_test, D).
        labels: split to class numbers, shape (N,), int64; empty when the source has none.
        image_shape: the shape of one row as an image, for example (28, 28).
        binarisation: `"dynamic"`, `"static"`, `"threshold"`, None for grey values, or `"real"` for
            numbers outside [0, 1] too.
        seed: seed of the dynamic binarisation, or of real values that were drawn; None for others.
        y: split to the second argument of a pair that takes one, N rows each; empty for a pair
            that takes images alone. What is real in it is binarised as the images are.
        variant: what `y` is, or which form of the data set this is, such as a fold; for the data
            id.
        log_p: from points (N, D) to log p of the law that the rows were drawn from, in nats, (N,);
            None where it is not known.

    Raises:
        ValueError: if the splits, labels, image shape, binarisation and seed do not fit together.
    """

    name: str
    train: NDArray[np.float32]
    valid: NDArray[np.float32]
    test: NDArray[np.float32]
    image_shape: tuple[int, ...]
    labels: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    binarisation: str | None = None
    seed: int | None = None
    y: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    variant: str = ""
    log_p: Callable[[ArrayLike], NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        check_words(self)
        object.__setattr__(self, "image_shape", check_sizes("image_shape", self.image_shape))
        check_by_split(self)
        drawn = self.seed is not None
        if drawn != self.dynamic and not (drawn and self.binarisation == "real"):
            raise ValueError(
                "Give seed with binarisation='dynamic', where it is needed, or 'real'; got "
                f"seed={self.seed!r} with binarisation={self.binarisation!r}."
            )
        for split in SPLITS:
            object.__setattr__(self, split, self._frozen_images(split))
        object.__setattr__(self, "labels", self._frozen_labels())
        object.__setattr__(self, "y", self._frozen_y())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{split}={getattr(self, split).shape}" for split in SPLITS)
        seed = "" if self.seed is None else f", seed={self.seed}"
        return (
            f"Dataset({self.name!r}, {sizes}, image_shape={self.image_shape}, "
            f"labels={'yes' if self.labels else 'no'}, binarisation={self.binarisation!r}{seed}"
            + (f", {'y' if self.y else 'variant'}={self.variant!r})" if self.variant else ")")
        )

    def arrays(self, split: str) -> tuple[NDArray[Any], ...]:
        """What a pair takes of a split: the images, and `y` where there is one.

        Args:
            split: `"train"`, `"valid"` or `"test"`.

        Raises:
            ValueError: if there is no such split.
        """
        check_split(split)
        given = (self.y[split],) if self.y else ()
        return (getattr(self, split), *given)

    @property
    def dynamic(self) -> bool:
        """Whether the training step has to binarise train afresh each time."""
        return self.binarisation == "dynamic"

    @cached_property
    def data_mean(self) -> NDArray[np.float32]:
        """Mean of train over its rows, shape (D,), read-only.

        Of sequences, shape (N, T, D), it is over all their steps: of each as many as `y` says,
        where that is lengths, because what fills up the rest is no datum.
        """
        # A float32 running sum over 50,000 rows would lose three digits.
        steps = self.train.ndim == 3
        if steps and self.variant.split(",")[0] == "lengths":
            lengths = self.y["train"]
            inside = np.arange(self.train.shape[1]) < lengths[:, None]
            mean = np.einsum("ntd,nt->d", self.train, inside, dtype=np.float64) / lengths.sum()
        else:
            mean = self.train.mean(axis=(0, 1) if steps else 0, dtype=np.float64)
        mean = mean.astype(np.float32)
        mean.setflags(write=False)
        return mean

    def data_id(self, split: str) -> DataId:
        """The fingerprint of one split; it is computed when first asked for.

        Args:
            split: `"train"`, `"valid"` or `"test"`.

        Raises:
            ValueError: if there is no such split.
        """
        check_split(split)
        if split not in self._hashes:
            self._hashes[split] = _fingerprint(*self.arrays(split))
        name = f"{self.name}+{self.variant}" if self.variant else self.name
        return DataId(name, split, self.binarisation, self.seed, self._hashes[split])

    @property
    def id(self) -> dict[str, DataId]:
        """Split to fingerprint, for all three splits."""
        return {split: self.data_id(split) for split in SPLITS}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {}

    def _frozen_images(self, split: str) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            given = real_numbers(split, getattr(self, split))
            array = np.ascontiguousarray(given, dtype=np.float32)
        shapes = {(math.prod(self.image_shape),), tuple(self.image_shape)}  # flat, or a sequence
        if array.ndim == 0 or len(array) == 0 or array.shape[1:] not in shapes:
            raise ValueError(
                f"{split} must have shape (N, {math.prod(self.image_shape)}) with N at least 1, "
                f"to match image_shape={self.image_shape}; got {array.shape}."
            )
        binary = self.binarisation in {"static", "threshold"} or (self.dynamic and split != "train")
        if binary and not ((array == 0) | (array == 1)).all():
            raise ValueError(
                f"{split} must hold only 0 and 1 with binarisation={self.binarisation!r}; binarise "
                "it first, or give binarisation=None."
            )
        if self.binarisation == "real":
            if not np.isfinite(array).all():
                raise ValueError(f"{split} must hold finite numbers, got NaN or infinite values.")
        elif not (array.min() >= 0 and array.max() <= 1):  # also refuses NaN
            raise ValueError(
                f"{split} must lie in [0, 1], got values from {array.min()} to {array.max()}; "
                "rescale it first, or give binarisation='real'."
            )
        array.setflags(write=False)
        return array

    def _frozen_labels(self) -> dict[str, NDArray[np.int64]]:
        frozen: dict[str, NDArray[np.int64]] = {}
        for split, given in self.labels.items():
            try:
                numbers = real_numbers(f"labels[{split!r}]", given)
            except ValueError as error:
                said = f"labels must be class numbers, 0, 1, 2 and so on: {error}"
                raise ValueError(said) from error
            rows = len(getattr(self, split))
            whole = numbers.dtype.kind in "biu" or (
                numbers.dtype.kind == "f" and bool((numbers == np.floor(numbers)).all())
            )
            if not whole or not bool((abs(numbers) < 2**62).all()) or bool((numbers < 0).any()):
                raise ValueError(
                    f"labels[{split!r}] must be class numbers, 0, 1, 2 and so on, got "
                    f"{_range_of(numbers) or shown(given)}."
                )
            array = np.ascontiguousarray(numbers, dtype=np.int64)
            if array.shape != (rows,):
                raise ValueError(f"labels[{split!r}] must have shape ({rows},), got {array.shape}.")
            array.setflags(write=False)
            frozen[split] = array
        return frozen

    def _frozen_y(self) -> dict[str, NDArray[Any]]:
        frozen: dict[str, NDArray[Any]] = {}
        for split, given in self.y.items():
            rows = len(getattr(self, split))
            numbers = real_numbers(f"y[{split!r}]", given)
            if not numbers.ndim or len(numbers) != rows:
                got = len(numbers) if numbers.ndim else shown(given)
                raise ValueError(f"y[{split!r}] must have {rows} rows, got {got}.")
            array = np.ascontiguousarray(numbers)
            array.setflags(write=False)
            frozen[split] = array
        return frozen


def _fingerprint(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str} ".encode())
        digest.update(array.data)
    return digest.hexdigest()[:12]


def _range_of(numbers: NDArray[Any]) -> str:
    """The least and the greatest of real numbers, in words; empty of anything else."""
    if numbers.dtype.kind not in "iuf" or not numbers.size:
        return ""
    return f"{numbers.dtype} from {numbers.min()} to {numbers.max()}"
