"""A small network that an objective owns, written once for both engines."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inference.program.program import Program


def network(program: Program, name: str, inputs: int, hidden: int) -> tuple[Any, Any, Any, Any]:
    """Weights and biases of a network inputs - hidden (tanh) - 1; it starts as the zero function.

    The initial weights depend on nothing but the name and the sizes.
    """
    random = np.random.default_rng([zlib.crc32(name.encode()), inputs, hidden])
    arrays = []
    for number, (rows, columns) in enumerate(itertools.pairwise((inputs, hidden, 1))):
        scale = (2 / (rows + columns)) ** 0.5 if number == 0 else 0.0
        weight = (scale * random.normal(size=(rows, columns))).astype(np.float32)
        bias = np.zeros(columns, dtype=np.float32)
        arrays.append(program.parameter(f"{name}.{number}.weight", weight))
        arrays.append(program.parameter(f"{name}.{number}.bias", bias))
    return tuple(arrays)


def apply(program: Program, weights: tuple[Any, Any, Any, Any], inputs: Any) -> tuple[Any, Any]:
    """The network's output, (...,), at inputs (..., D), and its derivative by them, (..., D)."""
    first, first_bias, last, last_bias = weights
    hidden = program.ops.tanh(inputs @ first + first_bias)
    output = (hidden @ last + last_bias)[..., 0]
    slope = ((1 - hidden**2) * last[:, 0]) @ first.T
    return output, slope
