"""A csv or parquet file of a user's own, as splits and labels."""

from __future__ import annotations

import importlib
import re
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import SPLITS

Splits = dict[str, NDArray[Any]]
_MOST_COLUMNS = 50_000
_DIGITS = re.compile("[+-]?[0-9]+")
_LARGEST = 2**24  # bytes of a first line
_UNPACKED, _DENSEST = 2**30, 200  # bytes that a file may unpack to, or so many times its own
# Parquet of types that no table has, of damaged parts, and whatever its library makes of them.
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, NotImplementedError, MemoryError)
_UNREADABLE += (OverflowError, RecursionError)


def has_suffix(path: Path, suffix: str) -> bool:
    """Whether a file is named so, in letters of either case."""
    return path.suffix.lower() == suffix


def table(path: Path) -> tuple[Splits, Splits, tuple[int, ...]]:
    """Splits, labels and the shape of a row of a csv or parquet file."""
    import pandas as pd

    frame = _frame(path)
    check_head(path, [str(name) for name in frame], frame)
    for name in ("split", "label"):
        if name in frame and f"{name}.1" in frame:
            raise ValueError(f"{path} has two columns {name!r}; leave one out, or rename it.")
    split = frame.pop("split") if "split" in frame else pd.Series("train", index=frame.index)
    label = frame.pop("label") if "label" in frame else None
    for name in frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]:
        frame[name] = _long_numbers(frame[name])
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    bad = [name for name, dtype in kinds if dtype.kind not in "fiub"]
    words = list(map(str, bad))
    apart = next((mark for mark in ";\t" if words and mark in words[0]), None)
    if apart and frame.shape[1] == 1:
        raise ValueError(
            f"{path} keeps its columns apart by {apart!r}, and must by commas: "
            f"pandas.read_csv(path, sep={apart!r}).to_csv(path, index=False) writes it anew."
        )
    if words or frame.shape[1] == 0:
        raise ValueError(
            f"{path}: column {shown(words[0])} holds no numbers{first_word(frame[bad[0]])}; "
            "leave it out, or write numbers in its place." if words
            else f"{path} has no columns of numbers."
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
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        rows = {
            each: frame[split == each].to_numpy(np.float32) for each in SPLITS if each in set(split)
        }
    if label is None:
        return rows, {}, (frame.shape[1],)
    return rows, {each: np.asarray(label[split == each]) for each in rows}, (frame.shape[1],)


def _frame(path: Path) -> Any:
    """The table of a file.

    Raises:
        ValueError: if it cannot be read, or has columns that are no columns.
    """
    import pandas as pd

    try:
        if has_suffix(path, ".csv"):
            _check_width_of(path)
            frame = _csv(path)
        else:
            _check_rows_of(path)
            frame = pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            f"{path} is parquet, which pandas reads by pyarrow: pip install pyarrow, or save it as "
            "csv or npz."
        ) from error
    except _UNREADABLE as error:
        why = str(error).strip().partition("\n")[0].rstrip(".")
        remedy = " Save it as UTF-8." if isinstance(error, UnicodeError) else ""
        raise ValueError(f"{path} cannot be read: {why or 'it is too large'}.{remedy}") from error
    kept = [str(name) for name in frame.index.names if name is not None]
    if kept:
        raise ValueError(
            f"{path}: {kept[0]!r} is the table's index and no column; frame.reset_index() makes it "
            "one, and frame.reset_index(drop=True) leaves it out."
        )
    return frame


def check_unpacked(path: Path, size: int, remedy: str) -> None:
    """Refuse a file that unpacks to what memory does not hold.

    Raises:
        ValueError: if it does.
    """
    if size > max(_UNPACKED, _DENSEST * path.stat().st_size):
        raise ValueError(
            f"it unpacks to {size / 1e9:.1f} GB, {_DENSEST} times its size and more; {remedy}, if "
            "that is right"
        )


def _check_rows_of(path: Path) -> None:
    """Refuse parquet whose rows memory does not hold, before they are unpacked.

    Raises:
        ValueError: if it is so.
    """
    try:
        found = importlib.import_module("pyarrow.parquet").read_metadata(path)
    except ImportError:  # pandas says so, or reads it by another library
        return
    size = int(found.num_rows) * max(int(found.num_columns), 1) * np.dtype(float).itemsize
    check_unpacked(path, size, "save it without compression, or fewer rows")


def _csv(path: Path) -> Any:
    """The table of a csv file, each column by the name above it.

    Raises:
        ValueError: if rows have more entries than there are names, which pandas would take for
            names of the rows, and so move every column under another's name.
    """
    import pandas as pd

    frame = pd.read_csv(path, skipinitialspace=True)
    if not isinstance(frame.index, pd.RangeIndex):
        more = frame.shape[1] + frame.index.nlevels
        raise ValueError(
            f"its first line names {frame.shape[1]} columns, and its rows have {more} entries; "
            "give a name to each, and no comma to the end of a row"
        )
    return frame


def _long_numbers(column: Any) -> Any:
    """A column of whole numbers beyond 64 bits, which pandas leaves as text, as real numbers."""
    held = column.dropna()
    if not all(_DIGITS.fullmatch(str(each)) for each in held):
        return column
    return column.map(lambda each: float(str(each)), na_action="ignore").astype("float64")


def first_word(column: Any) -> str:
    """Which entry of a column is no number."""
    import pandas as pd

    read: Any = pd.to_numeric(column, errors="coerce")
    bad = (read.isna() & column.notna()).to_numpy()
    row = int(bad.argmax())
    return f": row {row + 1} says {shown(column.iloc[row])}" if bad.any() else ""


def _check_width_of(path: Path) -> None:
    with path.open("rb") as file:
        check_width(file)


def check_width(file: Any) -> None:
    """Check that a csv file is text, of no more columns than pandas reads in a while.

    The first row says so too: entries without a name above them are names of the rows to pandas.

    Args:
        file: open for reading, at its beginning.

    Raises:
        ValueError: if it is not.
    """
    lines = filter(bytes.strip, iter(partial(file.readline, _LARGEST), b""))
    first = list(islice(lines, 2))
    if any(b"\0" in line and not line.startswith((b"\xff\xfe", b"\xfe\xff")) for line in first[:1]):
        raise ValueError("it has bytes of zero in its first line, and is no text")
    columns = max((line.count(b",") + 1 for line in first), default=0)
    if columns > _MOST_COLUMNS:
        raise ValueError(
            f"it has {columns:,} columns, and csv of more than {_MOST_COLUMNS:,} takes hours; save "
            "the rows as npz"
        )


def check_head(path: Path, names: list[str], frame: Any) -> None:
    """The first line names every column, and none is the index that pandas writes beside the data.

    Raises:
        ValueError: if it is not so. Whole numbers that follow each other are names.
    """
    for place, name in enumerate(names, 1):
        if name.startswith("Unnamed: "):
            index = list(frame[name]) == list(range(len(frame)))
            raise ValueError(
                f"{path}: column {place} has no name in the first line; "
                + (
                    "it counts the rows, which pandas writes beside the data: write the file anew "
                    "with frame.to_csv(path, index=False)."
                    if index
                    else "name it if it is data, or leave it out."
                )
            )
    numbers = [number for number in map(_number, names) if number is not None]
    if not has_suffix(path, ".csv") or not names or len(numbers) < len(names):
        return
    if numbers != [numbers[0] + step for step in range(len(names))] or numbers[0] % 1:
        raise ValueError(
            f"{path}: the first line must name the columns, and holds numbers: "
            f"{', '.join(names[:3])}. Put a line of names before it."
        )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        parts = text.rpartition(".")  # a name that is there twice, as pandas tells them apart
        return _number(parts[0]) if parts[0].count(".") == 1 and parts[2].isdecimal() else None
    return number if np.isfinite(number) else None
