"""A data set from a file of one's own: npz, csv or parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._binarisation import check_seed, from_grey
from ppl_models.datasets._dataset import SPLITS, Dataset

SUFFIXES = (".npz", ".csv", ".parquet")
_HELD_OUT = 10  # a missing split is one row in so many
_EXAMPLES = "np.savez('rows.npz', train=x, test=y) writes one that is right"


def is_own_file(name: str) -> bool:
    """Whether a name of a data set is that of a file."""
    return name.lower().endswith(SUFFIXES)


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
    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(2, "there is no such file", str(path))
    splits, labels, shape = _arrays(place) if _is(place, ".npz") else _table(place)
    splits, labels, drawn = _with_all_splits(place, splits, labels, check_seed(split_seed))
    kind = _usual(splits) if binarisation == "usual" else binarisation
    if kind not in ("static", "real", "dynamic", "threshold", None):
        raise ValueError(
            f"binarisation of {place.name} must be static, real, dynamic, threshold or None (grey) "
            f"or be left out; got {binarisation!r}."
        )
    variant = f"split_seed={split_seed}" if drawn and split_seed else ""
    common: dict[str, Any] = {"name": place.name, "labels": labels, "image_shape": shape}
    if kind in ("dynamic", "threshold"):
        found = from_grey(grey=splits, binarisation=kind, seed=check_seed(seed), **common)
        held = {split: getattr(found, split) for split in SPLITS}
        drawn_by = found.seed
    else:
        held, drawn_by = splits, None
    return Dataset(**held, **common, binarisation=kind, seed=drawn_by, variant=variant)


def _is(path: Path, suffix: str) -> bool:
    return path.suffix.lower() == suffix


def _usual(splits: Mapping[str, NDArray[np.float32]]) -> str | None:
    values = list(splits.values())
    if all(((array == 0) | (array == 1)).all() for array in values):
        return "static"
    inside = all(array.min() >= 0 and array.max() <= 1 for array in values)
    return None if inside else "real"


_Splits = dict[str, NDArray[Any]]


def _arrays(path: Path) -> tuple[_Splits, _Splits, tuple[int, ...]]:
    """Splits, labels and the shape of a row of an npz file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as npz: {error}. {_EXAMPLES}.") from error
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
        if array.dtype.kind not in "fiub" or array.ndim == 0 or (array.shape[1:] or (1,)) != shape:
            raise ValueError(
                f"{path}: array {split!r} must hold numbers, a row of shape {shape} for each datum "
                f"as in train; got {array.dtype} of shape {array.shape}. {_EXAMPLES}."
            )
        scale = 255 if array.dtype == np.uint8 and array.max(initial=0) > 1 else 1
        rows[split] = (array.reshape(len(array), -1) / scale).astype(np.float32)
    return rows, {split: np.asarray(each) for split, each in labels.items()}, shape


def _table(path: Path) -> tuple[_Splits, _Splits, tuple[int, ...]]:
    """Splits, labels and the shape of a row of a csv or parquet file."""
    import pandas as pd

    try:
        frame = pd.read_csv(path) if _is(path, ".csv") else pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            f"{path} is parquet, which pandas reads by pyarrow: pip install pyarrow, or save it as "
            "csv or npz."
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {str(error).strip()}.") from error
    _check_head(path, [str(name) for name in frame], frame)
    split = frame.pop("split") if "split" in frame else pd.Series("train", index=frame.index)
    label = frame.pop("label") if "label" in frame else None
    words = [str(name) for name in frame if frame[name].dtype.kind not in "fiub"]
    if words or frame.shape[1] == 0:
        raise ValueError(
            f"{path}: column {words[0]!r} holds no numbers; leave it out, or write numbers in its "
            "place." if words else f"{path} has no columns of numbers."
        )  # fmt: skip
    gaps = frame.isna().to_numpy()
    if gaps.any():
        row, column = (int(places[0]) for places in gaps.nonzero())
        raise ValueError(
            f"{path}: column {str(frame.columns[column])!r} holds no number in row {row + 1} "
            f"({int(gaps.any(1).sum())} such rows); leave them out, or fill them in."
        )
    wrong = sorted({str(each) for each in split} - set(SPLITS))
    if wrong or "train" not in set(split):
        raise ValueError(
            f"{path}: the column split must say train, valid or test, and train of some rows; got "
            f"{', '.join(wrong) or 'no train'}."
        )
    rows = {
        each: frame[split == each].to_numpy(np.float32) for each in SPLITS if each in set(split)
    }
    if label is None:
        return rows, {}, (frame.shape[1],)
    return rows, {each: np.asarray(label[split == each]) for each in rows}, (frame.shape[1],)


def _check_head(path: Path, names: list[str], frame: Any) -> None:
    """The first line has names, and no column is the index that pandas writes beside the data.

    Raises:
        ValueError: if it is not so. Whole numbers that rise are names.
    """
    numbers = [_number(name) for name in names]
    if _is(path, ".csv") and names and None not in numbers:
        whole = all(number == int(number) for number in numbers if number is not None)
        if not (whole and numbers == sorted(set(numbers), key=float)):  # pyright: ignore
            raise ValueError(
                f"{path}: the first line must name the columns, and holds numbers: "
                f"{', '.join(names[:3])}. Put a line of names before it."
            )
    for name in names:
        if name.startswith("Unnamed: ") and list(frame[name]) == list(range(len(frame))):
            raise ValueError(
                f"{path}: column {name!r} counts the rows, which pandas writes beside the data; "
                "write the file anew with frame.to_csv(path, index=False)."
            )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        parts = text.rpartition(".")  # a name that is there twice, as pandas tells them apart
        return _number(parts[0]) if parts[0].count(".") == 1 and parts[2].isdecimal() else None
    return number if np.isfinite(number) else None


def _with_all_splits(
    path: Path, splits: _Splits, labels: _Splits, seed: int
) -> tuple[_Splits, _Splits, bool]:
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
