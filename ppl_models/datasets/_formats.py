"""The file formats that data sets come in, read strictly."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**29  # bytes of a file of a data set
REMEDY = "Fetch the file anew, or remove it so that the published one is downloaded."


def read_bytes(path: Path) -> bytes:
    """The file's content, decompressed where its name ends in `.gz`.

    Raises:
        ValueError: if the gzip stream is cut short or damaged, or there is more than any data set
            has.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, and a file of this kind at most "
            f"{LARGEST:,}. {REMEDY}"
        )
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return unpacked(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} should be a whole gzip file, but its {len(content)} bytes, which begin with "
            f"{hex_of(content[:4])}, do not decompress ({error}). {REMEDY}"
        ) from error


def unpacked(content: bytes) -> bytes:
    """What a gzip stream holds, of which a few bytes may stand for more than memory has room for.

    Raises:
        EOFError, gzip.BadGzipFile, zlib.error: if it is cut short, damaged, or too long.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        found = stream.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise gzip.BadGzipFile(f"it holds more than {LARGEST:,} bytes")
    return found


def read_idx(path: Path, *, axes: int) -> NDArray[np.uint8]:
    """Unsigned bytes from an IDX file (LeCun, Cortes & Burges 1998).

    Args:
        path: the file, gzipped where its name ends in `.gz`.
        axes: number of axes, 1 for labels and 3 for images.

    Returns:
        The array, in the shape that the file's header gives.

    Raises:
        ValueError: if the magic number, the number of axes or the length is wrong.
    """
    content = read_bytes(path)
    magic = bytes((0, 0, 8, axes))  # 8 stands for unsigned bytes
    header = 4 + 4 * axes
    if content[:4] != magic or len(content) < header:
        raise ValueError(
            f"{path} should begin with {hex_of(magic)} and have an IDX header of {header} bytes; "
            f"it begins with {hex_of(content[:4])} and has {len(content)} bytes. {REMEDY}"
        )
    shape = tuple(np.frombuffer(content, dtype=">u4", count=axes, offset=4).tolist())
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"{path} should have {expected} bytes for the shape {shape} in its header; it has "
            f"{len(content)}. {REMEDY}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def read_amat(path: Path, *, columns: int) -> NDArray[np.uint8]:
    r"""Zeros and ones from a text file (Larochelle & Murray 2011).

    A row is `columns` digits with one space between them and `\n` at the end.

    Args:
        path: the file, gzipped where its name ends in `.gz`.
        columns: digits in a row.

    Returns:
        Shape (rows, columns).

    Raises:
        ValueError: if a row is not as above.
    """
    content = read_bytes(path)
    # Every row has the same length, so the text is a table of bytes: no need to split it.
    width = 2 * columns
    if not content or len(content) % width:
        raise ValueError(
            f"{path} should have a multiple of {width} bytes ({columns} digits a row, one space "
            f"between them, a newline at the end); it has {len(content)}. {REMEDY}"
        )
    table = np.frombuffer(content, dtype=np.uint8).reshape(-1, width)
    digits = table[:, 0::2] - np.uint8(ord("0"))  # wraps round, so every other byte is above 1
    separators = np.full(columns, ord(" "), dtype=np.uint8)
    separators[-1] = ord("\n")
    if digits.max() > 1 or not np.array_equal(
        table[:, 1::2], np.broadcast_to(separators, digits.shape)
    ):
        wrong = np.empty(table.shape, dtype=np.bool_)
        wrong[:, 0::2] = digits > 1
        wrong[:, 1::2] = table[:, 1::2] != separators
        row, byte = divmod(int(wrong.argmax()), width)
        place = "0 or 1" if byte % 2 == 0 else repr(chr(separators[byte // 2]))
        raise ValueError(
            f"{path} should have {place} at byte {byte + 1} of row {row + 1}; it has "
            f"{chr(table[row, byte])!r}. {REMEDY}"
        )
    return digits


def hex_of(content: bytes) -> str:
    """Bytes as a message shows them."""
    return content.hex(" ") or "nothing"
