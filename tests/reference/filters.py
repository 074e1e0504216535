"""The grid of filters that DRAW reads and writes through, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def filters(parameters: Array, size: int, side: int) -> tuple[Array, Array, float]:
    """Equations 19 to 26 of the paper, pixel by pixel: F_X, F_Y, each (size, side), and gamma."""
    across, down, log_variance, log_stride, log_intensity = parameters
    stride = (side - 1) / (size - 1) * np.exp(log_stride)
    banks = []
    for centre in ((side + 1) / 2 * (across + 1), (side + 1) / 2 * (down + 1)):
        bank = np.zeros((size, side))
        for i in range(1, size + 1):
            mean = centre + (i - size / 2 - 0.5) * stride
            for a in range(1, side + 1):
                bank[i - 1, a - 1] = np.exp(-((a - mean) ** 2) / (2 * np.exp(log_variance)))
            bank[i - 1] /= bank[i - 1].sum()
        banks.append(bank)
    return banks[0], banks[1], np.exp(log_intensity)
