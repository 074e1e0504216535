"""The two formats that MNIST comes in, written for the tests."""

from __future__ import annotations

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def amat_bytes(digits: np.ndarray) -> bytes:
    table = np.full((*digits.shape, 2), ord(" "), dtype=np.uint8)
    table[..., 0] = digits + ord("0")
    table[:, -1, 1] = ord("\n")
    return table.tobytes()
