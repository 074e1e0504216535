"""Tables of real numbers as they are published: npy, csv, HDF5, and archives, read strictly.

What is read is a file that is open, with the path that messages name; it is closed at the end.
"""

from __future__ import annotations

import gzip
import io
import math
import tarfile
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._own_table import check_head, check_width, first_word

_LARGEST, _DENSEST = 2**30, 200  # bytes that a file may unpack to, or so many times its own
_MOST_MEMBERS = 10_000  # of an archive
_FEWEST = 11  # rows, below which a table has no tenths
Opened = tuple[Path, BinaryIO]


def read_npy(opened: Opened, columns: int | None) -> tuple[Path, NDArray[np.float64]]:
    """A table from an array of numpy's, whose header says how long the file is.

    Args:
        opened: the file.
        columns: how many it must have; None for any number from 1 on.

    Raises:
        ValueError: if it is none, is longer or shorter than it says, or holds other things than
            finite numbers.
    """
    path, file = opened
    with file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_2_0 if version != (1, 0) else (
                np.lib.format.read_array_header_1_0
            )  # fmt: skip
            shape, _, dtype = read(file)
            expected = file.tell() + math.prod(shape) * dtype.itemsize
            if dtype.kind in "fiub" and size != expected:
                raise ValueError(f"it has {size:,} bytes, and should have {expected:,}")
            file.seek(0)
            table = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:  # numpy raises what it stumbles over
            why = str(error).partition("\n")[0].rstrip(".")
            raise ValueError(f"{path} should be an array of numpy's ({why}). {REMEDY}") from error
    if table.ndim != 2 or 0 in table.shape or columns not in (None, table.shape[1]):
        raise ValueError(
            f"{path} should have shape (N, {columns or 'D'}), got {table.shape}. {REMEDY}"
        )
    return path, finite(path, table).astype(np.float64)


def read_csv(opened: Opened, *, more: bool = False) -> tuple[Path, Any]:
    """A table from a csv file whose first line names its columns.

    Args:
        opened: the file.
        more: whether rows may end with a comma, and the last columns lack names.

    Raises:
        ValueError: if it is none, or has a column of other things than numbers.
    """
    import pandas as pd

    path, file = opened
    with file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            check_width(file)
            file.seek(0)
            table = pd.read_csv(file, index_col=False if more else None)
            if not isinstance(table.index, pd.RangeIndex):
                raise ValueError("its rows have more entries than its first line has names")
        except (ValueError, OSError, MemoryError, OverflowError, Warning) as error:
            why = str(error).strip().partition("\n")[0].rstrip(".") or "it is too large"
            raise ValueError(f"{path} cannot be read as csv: {why}. {REMEDY}") from error
    while more and table.shape[1] > 1 and str(table.columns[-1]).startswith("Unnamed: "):
        table = table.iloc[:, :-1]
    check_head(path, [str(name) for name in table], table)
    for place, dtype in enumerate(table.dtypes):
        if dtype.kind not in "fiub" and len(table):
            column = table.iloc[:, place]
            raise ValueError(
                f"{path}: column {shown(str(table.columns[place]))} should hold numbers"
                f"{first_word(column)}. {REMEDY}"
            )
    if not len(table):
        raise ValueError(f"{path} should have rows of numbers, and has none. {REMEDY}")
    return path, table


def read_hdf5(opened: Opened, names: tuple[str, ...]) -> tuple[Path, dict[str, NDArray[Any]]]:
    """Tables by name from a file of HDF5, whose numbers lie in it and nowhere else.

    Raises:
        ValueError: if it is none, lacks a name, or a table is none, lies in another file, or is
            one that a few bytes stand for.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "name='bsds300' is a file of HDF5, for which h5py is missing: pip install h5py."
        ) from error
    path, opened_file = opened
    with opened_file:
        most = max(_LARGEST, _DENSEST * opened_file.seek(0, io.SEEK_END))
        try:
            with h5py.File(opened_file, "r") as file:
                found = {name: _dataset(file, name, most) for name in names}
        except Exception as error:  # h5py raises what it stumbles over
            why = str(error).partition("\n")[0].rstrip(".")
            raise ValueError(
                f"{path} should be a file of HDF5 with {', '.join(names)} ({why}). {REMEDY}"
            ) from error
    width = found[names[0]].shape[1]
    for name, table in found.items():
        if table.shape[1] != width:
            raise ValueError(
                f"{path}: {name} should have {width} columns, as {names[0]} has; it has "
                f"{table.shape[1]}. {REMEDY}"
            )
    return path, found


def _dataset(file: Any, name: str, most: int) -> NDArray[Any]:
    import h5py

    if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
        raise ValueError(f"{name} is a link to another file")
    table = file[name]
    if not isinstance(table, h5py.Dataset) or table.dtype.kind not in "fiub":
        raise ValueError(f"{name} is no array of numbers")
    if table.is_virtual or table.external:
        raise ValueError(f"the numbers of {name} lie in another file")
    if table.shape is None or table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"{name} should have shape (N, D), got {table.shape}")
    if table.nbytes > most:
        raise ValueError(f"{name} unpacks to {table.nbytes / 1e9:,.1f} GB")
    return table[()]


def read_member(archive: Path, name: str) -> Opened:
    """A file of an archive, in memory.

    Raises:
        ValueError: if the archive is damaged, has no such file, or unpacks to what memory has no
            room for.
    """
    most = max(_LARGEST, _DENSEST * archive.stat().st_size)
    try:
        with _unpacked(archive) as packed, tarfile.open(fileobj=packed, mode="r|") as files:
            content = _found(files, name, most)
            size = 0
            while part := packed.read(2**20):  # to its end, where gzip keeps its checksum
                size += len(part)
                if size > most:
                    raise tarfile.TarError("it holds more than any table takes")
        return archive, io.BytesIO(content)
    except (tarfile.TarError, KeyError, EOFError, OSError, ValueError, zlib.error) as error:
        why = str(error.args[0] if error.args else error).rstrip(".")
        raise ValueError(
            f"{archive} should be the archive with {name} ({why}). {REMEDY}"
        ) from error


def _unpacked(archive: Path) -> Any:
    """An archive's content, open, whether it is gzipped or not."""
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(archive) if packed else archive.open("rb")


def _found(files: tarfile.TarFile, name: str, most: int) -> bytes:
    for count, each in enumerate(files):
        if count > _MOST_MEMBERS or each.offset_data + each.size > most:
            raise tarfile.TarError("it holds more than any table takes")
        found = files.extractfile(each) if each.name == name and each.isreg() else None
        if found is not None:
            content = found.read()
            if len(content) < each.size:
                raise EOFError("it is cut short")
            return content
    raise KeyError(f"there is no {name}")


def finite(source: object, table: NDArray[Any]) -> NDArray[Any]:
    """Return the table if it holds real numbers that are finite in single precision.

    Raises:
        ValueError: if it does not.
    """
    if table.dtype.kind not in "fiub":
        raise ValueError(f"{source} should hold real numbers, got {table.dtype}. {REMEDY}")
    if not (abs(table) <= np.finfo(np.float32).max).all():  # also refuses NaN
        raise ValueError(f"{source} has values that are no finite numbers. {REMEDY}")
    return table


def check_rows(source: object, table: NDArray[Any]) -> None:
    """Check that a table has tenths.

    Raises:
        ValueError: if it has too few rows, or no column.
    """
    if len(table) < _FEWEST or not table.shape[1]:
        raise ValueError(
            f"{source} has a table of {len(table)} rows and {table.shape[1]} columns; it should "
            f"have {_FEWEST} rows or more, and a column that is used."
        )


def scaled(
    source: object, table: NDArray[np.float64], *, by: NDArray[np.float64], ddof: int = 0
) -> NDArray[np.float64]:
    """The table with the mean of `by` taken away, in units of its standard deviation.

    Raises:
        ValueError: if a column of `by` has one value alone.
    """
    mean, deviation = by.mean(0), by.std(0, ddof=ddof)
    if not (deviation > 0).all():
        raise ValueError(
            f"{source}: column {int((~(deviation > 0)).argmax()) + 1} of those used has one value "
            f"alone, and cannot be normalised. {REMEDY}"
        )
    return (table - mean) / deviation
