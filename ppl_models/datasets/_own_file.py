"""A data set from a file of one's own: npz, csv or parquet."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import check_word, shown
from ppl_models.datasets._binarisation import check_seed, from_grey
from ppl_models.datasets._dataset import SPLITS, Dataset
from ppl_models.datasets._own_table import Splits, check_unpacked, has_suffix, table

SUFFIXES = (".npz", ".csv", ".parquet")
_HELD_OUT = 10  # a missing split is one row in so many
_EXAMPLES = "np.savez('rows.npz', train=x, test=y) writes one that is right"


def is_own_file(name: str) -> bool:
    """Whether a name of a data set is that of a file."""
    return check_word("name", name).lower().endswith(SUFFIXES)


def load(
    path: str, *, binarisation: str | None = "usual", seed: int = 0, split_seed: int = 0
) -> Dataset:
    """Read a data set from a file of one's own.

    An npz file has arrays `train`, `valid` and `test`, rows first; rows of images, (N, H, W), are
    flattened. `train_labels`, `valid_labels` and `test_labels` are class numbers. One array alone,
    by any name, is train. A csv or parquet file has a column for each entry of a datum, all of them
    numbers; a column `split` says train, valid or test, a column `label` has class numbers. A
    split that is missing is one row in ten of train, drawn by `split_seed`.

    Args:
        path: of the file. Its name, not its folder, is a part of the data id.
        binarisation: `"static"` for zeros and ones, None for grey levels in [0, 1] (whole numbers
            from 0 to 255 are divided by 255 where they are stored as bytes), `"real"` for other
            numbers: usually the first of these that the values are. `"dynamic"` and `"threshold"`
            binarise grey levels.
        seed: of the dynamic binarisation.
        split_seed: of the draw of splits that are missing.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds what is no row of numbers.
    """
    place = _found(path)
    splits, labels, shape = _arrays(place) if has_suffix(place, ".npz") else table(place)
    seed, split_seed = check_seed(seed), check_seed(split_seed, "split_seed")
    splits, labels, drawn = _with_all_splits(place, splits, labels, split_seed)
    kind = _usual(splits) if binarisation == "usual" else binarisation
    if kind not in ("static", "real", "dynamic", "threshold", None):
        raise ValueError(
            f"binarisation of {place.name} must be static, real, dynamic, threshold or None (grey) "
            f"or be left out; got {shown(binarisation)}."
        )
    variant = f"split_seed={split_seed}" if drawn and split_seed else ""
    try:
        return _dataset(place, splits, labels, shape, kind, seed, variant)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _dataset(
    place: Path,
    splits: Splits,
    labels: Splits,
    shape: tuple[int, ...],
    kind: str | None,
    seed: int,
    variant: str,
) -> Dataset:
    """The data set of what a file holds."""
    common: dict[str, Any] = {"name": place.name, "labels": labels, "image_shape": shape}
    if kind in ("dynamic", "threshold"):
        found = from_grey(grey=splits, binarisation=kind, seed=seed, **common)
        held = {split: getattr(found, split) for split in SPLITS}
        drawn_by = found.seed
    else:
        held, drawn_by = splits, None
    return Dataset(**held, **common, binarisation=kind, seed=drawn_by, variant=variant)


def _found(path: str) -> Path:
    """The place of a file.

    Raises:
        FileNotFoundError: if there is none, or it is a folder, a pipe or a device.
    """
    place = Path(path)
    try:
        found = place.stat().st_mode
    except (OSError, ValueError):  # a name that is too long, or has a zero in it
        raise FileNotFoundError(2, "there is no such file", shown(str(path))[1:-1]) from None
    if not stat.S_ISREG(found):
        raise FileNotFoundError(2, "it is a folder, a pipe or a device, and no file", str(path))
    return place


def _usual(splits: Mapping[str, NDArray[np.float32]]) -> str | None:
    values = list(splits.values())
    if all(((array == 0) | (array == 1)).all() for array in values):
        return "static"
    inside = all(array.min() >= 0 and array.max() <= 1 for array in values)
    return None if inside else "real"


def _arrays(path: Path) -> tuple[Splits, Splits, tuple[int, ...]]:
    """Splits, labels and the shape of a row of an npz file."""
    found = _unpacked(path)
    labels = {name.removesuffix("_labels"): found.pop(name) for name in list(found)
              if name.endswith("_labels")}  # fmt: skip
    if len(found) == 1:
        found = {"train": next(iter(found.values()))}
    unknown = sorted(found.keys() - set(SPLITS)) + sorted(labels.keys() - found.keys())
    if unknown or "train" not in found:
        raise ValueError(
            f"{path} must have arrays train, valid and test, or one array alone, with labels as "
            f"train_labels and so on; it has {', '.join(sorted(found)) or 'none'}. {_EXAMPLES}."
        )
    shape = found["train"].shape[1:] or (1,)
    rows = {}
    for split, array in found.items():
        wrong = array.dtype.kind not in "fiub" or array.ndim == 0 or array.size == 0
        if wrong or (array.shape[1:] or (1,)) != shape:
            raise ValueError(
                f"{path}: array {split!r} must hold numbers, a row of shape {shape} for each datum "
                f"as in train; got {array.dtype} of shape {array.shape}. {_EXAMPLES}."
            )
        if split in labels and labels[split].shape != (len(array),):
            raise ValueError(
                f"{path}: {split}_labels must have shape ({len(array)},), a class for each row of "
                f"{split}; got {labels[split].shape}."
            )
        scale = 255 if array.dtype == np.uint8 and array.max(initial=0) > 1 else 1
        rows[split] = (array.reshape(len(array), -1) / scale).astype(np.float32)
    return rows, {split: np.asarray(each) for split, each in labels.items()}, shape


def _unpacked(path: Path) -> Splits:
    """The arrays of an npz file, of which none unpacks to what memory does not hold.

    Raises:
        ValueError: if it is none, or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(each.file_size for each in packed.infolist())
            names = packed.namelist()
        if len(set(names)) < len(names):
            raise ValueError("it holds an array more than once")
        check_unpacked(path, size, "save it by np.savez, unpacked")
        with np.load(path, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
    except (OSError, EOFError, ValueError, TypeError, MemoryError, NotImplementedError,
            RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        why = str(error)
        why = "it holds objects of Python" if "pickled" in why or "Object arrays" in why else why
        why = why.partition("\n")[0].rstrip(".") or "it is empty"
        raise ValueError(f"{path} cannot be read as npz: {why}. {_EXAMPLES}.") from error
    odd = [name for name, each in found.items() if not isinstance(each, np.ndarray)]
    if odd:
        raise ValueError(f"{path} cannot be read as npz: {odd[0]} is no array. {_EXAMPLES}.")
    return found


def _with_all_splits(
    path: Path, splits: Splits, labels: Splits, seed: int
) -> tuple[Splits, Splits, bool]:
    """All three splits, of which the missing ones are drawn from train."""
    missing = [split for split in SPLITS if split not in splits]
    if labels and labels.keys() != splits.keys():
        raise ValueError(f"{path} must have labels for each of its splits, or for none.")
    if not missing:
        return splits, labels, False
    rows = len(splits["train"])
    count = rows // _HELD_OUT
    if count == 0:
        raise ValueError(
            f"{path} has {rows} rows of train and no {' and no '.join(missing)}, which is one row "
            f"in {_HELD_OUT} of train; give {_HELD_OUT} rows or more, or the splits themselves."
        )
    order = np.random.default_rng(seed).permutation(rows)
    parts = {split: np.sort(order[n * count : (n + 1) * count]) for n, split in enumerate(missing)}
    parts["train"] = np.sort(order[len(missing) * count :])
    for held in filter(None, (splits, labels)):
        whole = held["train"]
        held.update({split: whole[index] for split, index in parts.items()})
    return splits, labels, True
