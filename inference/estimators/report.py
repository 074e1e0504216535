"""What the laboratory found: a table, slopes, a picture."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.arguments import check_count
from inference.errors import ArgumentError
from inference.estimators.groups import GroupStatistics
from inference.estimators.snr_plot import snr_plot

if TYPE_CHECKING:
    import pandas as pd

    from inference.figures.pictures import Picture

GROUPS = ("model", "guide", "shared", "baseline")
_FIRST = ("label", "num_particles", "group", "bound", "bound_error")


@dataclass(frozen=True)
class Measurement:
    """One objective's gradient of one group of parameters.

    Attributes:
        label: what the objective is called.
        objective: the objective, in words.
        num_particles: K.
        group: `"model"`, `"guide"`, `"shared"` by both, or `"baseline"`, which the objective owns.
        bound: mean of the objective's value, nats per datum.
        bound_error: its standard error.
        statistics: bias, variance and signal-to-noise ratio.
        reference: where the gradient comes from that the bias is measured against.
        effective_sample_size: of K weights, mean over the data.
        seconds: median wall-clock seconds of one gradient of all groups.
    """

    label: str
    objective: str
    num_particles: int
    group: str
    bound: float
    bound_error: float
    statistics: GroupStatistics
    reference: str
    effective_sample_size: float
    seconds: float


@dataclass(frozen=True, repr=False)
class EstimatorReport:
    """Gradient estimators at fixed parameters; see `estimator_report`.

    Attributes:
        measurements: one for each label, K and group.
        refused: why there is none, by label and K.
        num_draws: gradients that each is measured on.
        num_data: rows of the batch.
        engine: the pair's.
    """

    measurements: tuple[Measurement, ...]
    refused: dict[tuple[str, int], str]
    num_draws: int
    num_data: int
    engine: str

    @property
    def floor(self) -> float:
        """The signal-to-noise ratio that so many draws find where there is no signal at all."""
        return math.sqrt(2 / (math.pi * self.num_draws))

    def table(self) -> pd.DataFrame:
        """One row for each label, K and group.

        Columns: `label`, `num_particles`, `group`; `bound` and `bound_error` in nats per datum;
        those of `GroupStatistics`, in nats summed over the batch, and `variance_mean`, the variance
        per parameter; `reference`; `ess`, the effective sample size; `seconds` of one gradient.
        """
        import pandas as pd

        from inference.tables import PrintedTable

        rows = []
        for found in self.measurements:
            row: dict[str, Any] = {name: getattr(found, name) for name in _FIRST}
            row |= vars(found.statistics)
            row["variance_mean"] = found.statistics.variance / found.statistics.parameters
            row["reference"] = found.reference
            row["ess"] = found.effective_sample_size
            row["seconds"] = found.seconds
            rows.append(row)
        return PrintedTable(pd.DataFrame(rows))

    def slopes(self, *, least: int = 1) -> pd.DataFrame:
        """Slope of log SNR over log K by label and group, with its standard error.

        Least squares, weighted by the errors of the ratios; where the line misses the points by
        more than these explain, the error is widened by that factor (Birge 1932). In theory, for
        large K, it is -1/2 for the guide under IWAE and +1/2 for the model (Rainforth et al. 2018),
        and +1/2 for the guide under DReG (Tucker et al. 2019). Points near `floor` flatten it.

        Args:
            least: the smallest K to use.

        Returns:
            Columns `label`, `group`, `slope`, `standard_error`, `points`; no row where fewer than
            two points are positive and finite.

        Raises:
            ArgumentError: if `least` is no whole number of at least 1.
        """
        import pandas as pd

        check_count("least", least)
        rows = []
        for label in dict.fromkeys(found.label for found in self.measurements):
            for group in GROUPS:
                chosen = [
                    (found.num_particles, found.statistics.snr, found.statistics.snr_error)
                    for found in self.measurements
                    if (found.label, found.group) == (label, group) and found.num_particles >= least
                ]
                usable = [c for c in chosen if 0 < c[1] < math.inf and 0 < c[2] < math.inf]
                if len(usable) > 1:
                    slope, error = _slope(np.array(usable))
                    rows.append((label, group, slope, error, len(usable)))
        return pd.DataFrame(rows, columns=["label", "group", "slope", "standard_error", "points"])

    def plot(self) -> Picture:
        """Signal-to-noise ratio against K, log-log, one panel for each group of parameters.

        Bars are two standard errors to each side, the dotted line is `floor`. Ratios that are
        infinite or zero cannot be drawn on such axes.

        Raises:
            ArgumentError: if that is all of them.
        """
        drawable = [m for m in self.measurements if 0 < m.statistics.snr < math.inf]
        if not drawable:
            raise ArgumentError(
                "no signal-to-noise ratio here is positive and finite, so there is nothing to "
                "draw; see table()."
            )
        points = [
            (m.group, m.label, m.num_particles, m.statistics.snr, m.statistics.snr_error)
            for m in sorted(drawable, key=lambda m: (GROUPS.index(m.group), m.num_particles))
        ]
        return snr_plot(points, self.floor)

    def __repr__(self) -> str:
        labels = ", ".join(dict.fromkeys(found.label for found in self.measurements))
        lines = [
            f"EstimatorReport({labels}; {self.num_draws:,} gradients each, {self.num_data} data, "
            f"{self.engine})"
        ]
        reasons: dict[tuple[str, str], list[str]] = {}
        for (label, k), why in self.refused.items():
            reasons.setdefault((label, why.replace(f"num_particles={k}", "K")), []).append(str(k))
        lines += [f"no {label} at K = {', '.join(k)}: {why}" for (label, why), k in reasons.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        table = self.table().to_html(index=False, float_format="{:.4g}".format, na_rep="")
        return f"<p>{html.escape(repr(self)).replace(chr(10), '<br>')}</p>{table}"


def _slope(points: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Weighted least squares of log y over log x, from rows (x, y, error of y)."""
    x, y = np.log(points[:, 0]), np.log(points[:, 1])
    weight = (points[:, 1] / points[:, 2]) ** 2
    centred = x - np.average(x, weights=weight)
    spread = float((weight * centred**2).sum())
    slope = float((weight * centred * y).sum()) / spread
    missed = y - np.average(y, weights=weight) - slope * centred
    free = len(points) - 2
    birge = math.sqrt(float((weight * missed**2).sum()) / free) if free else 1.0
    return slope, max(1.0, birge) / math.sqrt(spread)
