"""The means that a machine's units have in its energy less than themselves; no framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ppl_models.networks.arguments import as_numbers, check_flag

HIDDEN = 0.5  # the mean of a hidden unit, as far as is known


class Centre:
    """What is subtracted from a machine's units in its energy (Melchior et al. 2016).

        (v - m)' W (h - l) + b . v + c . h  =  v' W h + (b - W l) . v + (c - W' m) . h + constant

    Attributes:
        subtracted: whether anything is: m, the mean of the visible units, and l = 1/2 of the hidden
            ones.
        means: the mean of the data, where chains begin too; None where it is not known.
        unknown: m in its place: 1/2, or 0 for real units.
    """

    def __init__(
        self,
        means: ArrayLike | None,
        *,
        subtracted: bool,
        unknown: float = HIDDEN,
        name: str = "data_mean",
    ) -> None:
        """Check what is subtracted; `name` is what the pair's constructor calls the means."""
        self.subtracted, self.unknown = check_flag("centred", subtracted), unknown
        self.means = None if means is None else as_numbers(name, means, np.float32)

    def plain(self, weight: Any, visible: Any, hidden: Any, means: Any) -> tuple[Any, Any]:
        """The biases of the energy that is not centred, from b and c; arrays of any framework.

        Args:
            weight: W, (D, H).
            visible: b, (D,).
            hidden: c, (H,).
            means: `means` as an array of that framework, or None.
        """
        if not self.subtracted:
            return visible, hidden
        below, above = shifts(weight, self.unknown if means is None else means)
        return visible - above, hidden - below


def shifts(weight: Any, means: Any) -> tuple[Any, Any]:
    """W' m and W l, the constants that centring takes from what units hear of each other.

    Args:
        weight: W, (D, H).
        means: m, (D,), or one number.
    """
    below = means * weight.sum(0) if np.ndim(means) == 0 else means @ weight
    return below, HIDDEN * weight.sum(1)
