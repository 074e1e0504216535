"""What simulation-based calibration found, and what it would have found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_number
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.posterior.uniformity import TESTS, detectable_scales, normal_scores

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Calibration:
    """Ranks of the true values among draws from the posterior that is examined.

    Attributes:
        names: the statistics; `z[1]` is the second entry of latent z.
        ranks: of each simulation, from 0 to `num_draws`, (num_simulations, len(names)).
        p_values: one row for each statistic, one column for each test, of which see `rank_tests`:
            `"location"`, `"scale"`, `"shape"`.
        num_draws: L.
        false_alarm_rate: how often an exact posterior is found fault with, by any test.
    """

    names: tuple[str, ...]
    ranks: NDArray[np.int64] = field(repr=False)
    p_values: NDArray[np.float64] = field(repr=False)
    num_draws: int
    false_alarm_rate: float

    @property
    def level(self) -> float:
        """A p-value below this is a fault: the false-alarm rate over the number of tests."""
        return self.false_alarm_rate / self.p_values.size

    @property
    def calibrated(self) -> bool:
        """Whether no test found a fault; `detectable_scale` says how large it may still be."""
        return not (self.p_values < self.level).any()

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Statistic and test, the smallest p-value first."""
        order = np.argsort(self.p_values, axis=None, kind="stable")
        cells = [divmod(int(index), len(TESTS)) for index in order]
        return [
            (self.names[row], TESTS[column])
            for row, column in cells
            if self.p_values[row, column] < self.level
        ]

    @property
    def widths(self) -> NDArray[np.float64]:
        """About how wide the posterior is over how wide it should be, by statistic.

        From the spread of the normal scores; near 1 it is right for a Gaussian one that is centred.
        """
        scores = normal_scores(self.num_draws)
        return np.sqrt((scores**2).mean() / (scores[self.ranks] ** 2).mean(0))

    def detectable_scale(self, power: float = 0.9) -> tuple[float, float]:
        """The nearest widths, below and above 1, that the test of scale sees with a power.

        Of a centred Gaussian posterior with so many times the right standard deviation, at this
        number of simulations, draws and tests; NaN if none from .1 to 10 is.
        """
        if not self.level < check_number("power", power) < 1:
            raise ArgumentError(
                f"power must be a number between {self.level:.3g}, the chance of a false alarm at "
                f"each test, and 1; got {shown(power)}."
            )
        return detectable_scales(len(self.ranks), self.num_draws, self.level, power)

    def table(self) -> pd.DataFrame:
        """p-values and width by statistic."""
        import pandas as pd

        frame = pd.DataFrame(self.p_values, columns=list(TESTS), index=list(self.names))
        return frame.assign(width=self.widths)

    def __str__(self) -> str:
        narrow, wide = self.detectable_scale()
        found = "no fault found"
        if self.faults:
            name, test = self.faults[0]
            row, off = self.names.index(name), len({fault[0] for fault in self.faults})
            found = (
                f"{off} of {len(self.names)} statistics are off, most of all {name} in {test} "
                f"(p = {self.p_values[row].min():.2g}, width {self.widths[row]:.2f})"
            )
        return (
            f"{found}; {len(self.ranks)} simulations, {self.num_draws} draws. False alarms: "
            f"{self.false_alarm_rate:g}. Seen with power 0.9: a standard deviation below "
            f"{narrow:.3f} or above {wide:.3f} times the right one"
        )
