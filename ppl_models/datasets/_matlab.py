"""Arrays of MATLAB files, read so that a damaged or hostile one is refused and does no harm."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._formats import LARGEST, REMEDY, hex_of, read_bytes

_HEAD, _MATRIX, _COMPRESSED = 128, 14, 15  # bytes of a file's header; types of its elements
_DEEPEST, _MOST = 20, 2_000_000  # cells within cells; elements of a file


def read_mat(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays by name from a MATLAB file of version 5.

    Args:
        path: the file, gzipped where its name ends in `.gz`.
        names: of the arrays.

    Raises:
        ValueError: if the file is none, lacks a name, or holds something else than an array there.
    """
    from scipy.io import loadmat

    content = read_bytes(path)
    try:
        held = loadmat(io.BytesIO(_checked(content)), variable_names=list(names))
    except Exception as error:  # scipy raises what it stumbles over
        why = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise ValueError(
            f"{path} should be a MATLAB file of version 5, but its {len(content)} bytes, which "
            f"begin with {hex_of(content[:4])}, cannot be read ({why}). {REMEDY}"
        ) from error
    missing = [name for name in names if name not in held]
    if missing:
        raise ValueError(f"{path} should hold {', '.join(map(repr, missing))}. {REMEDY}")
    for name in names:
        if not isinstance(held[name], np.ndarray):
            raise ValueError(
                f"{path} should hold an array under {name!r}; it holds a "
                f"{type(held[name]).__name__}. {REMEDY}"
            )
    return {name: held[name] for name in names}


def real_entries(array: NDArray[Any]) -> bool:
    """Whether an array holds real numbers: no text, cells, structures or imaginary parts."""
    return array.dtype.kind in "biuf"


def _checked(content: bytes) -> bytes:
    """A file of version 5 with its parts unpacked; of another version as it is, for scipy to say.

    scipy reads cells within cells by calls within calls, which end the process where there are
    thousands, and unpacks what a few bytes stand for without a bound.

    Raises:
        ValueError: if it unpacks to more than a data set has, has too many elements, or cells lie
            too deep within each other.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or content[124:128] not in (b"\0\1IM", b"\1\0MI"):
        return content
    parts, size, place = [content[:_HEAD]], _HEAD, _HEAD
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        part = content[place : place + 8 + length]
        if kind == _COMPRESSED:
            part = _inflated(part[8:], LARGEST - size)
        parts.append(part)
        size, place = size + len(part), place + 8 + length
    whole = b"".join(parts)
    _check_depth(whole, order)
    return whole


def _inflated(packed: bytes, room: int) -> bytes:
    stream = zlib.decompressobj()
    found = stream.decompress(packed, max(room, 1))
    if stream.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
    if not stream.eof:
        raise ValueError("a compressed part is cut short")
    return found


def _check_depth(content: bytes, order: str) -> None:
    """Walk through the elements, those of arrays included, without reading any.

    Raises:
        ValueError: if there are too many of them, or too many within each other.
    """
    place, ends, seen = _HEAD, [len(content)], 0
    while ends:
        if place + 8 > ends[-1]:
            place = ends.pop()
            continue
        seen += 1
        kind, length = struct.unpack_from(f"{order}II", content, place)
        if seen > _MOST or len(ends) > _DEEPEST:
            few = f"{_MOST:,} elements" if seen > _MOST else f"{_DEEPEST} cells within each other"
            raise ValueError(f"it has more than {few}")
        if kind == _MATRIX:
            ends.append(min(place + 8 + length, ends[-1]))
            place += 8
        elif kind >> 16:  # a small element, whose length stands beside its type
            place += 8
        else:
            place += 8 + length + -length % 8
