"""How many modes of a mixture with known centres samples cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_positive
from inference.samples.metric import with_counts
from inference.samples.rows import as_row_sets, blocks, centred, squared_distances


@dataclass(frozen=True)
class ModeCoverage:
    """Modes covered by samples.

    Attributes:
        covered: modes that have at least `least` high-quality samples of their own.
        num_modes: how many there are.
        high_quality: share of samples within `within` standard deviations of the nearest centre.
        per_mode: number of high-quality samples by mode.
        num_samples: how many there are.
        within: in standard deviations.
        least: samples that a covered mode has at least.
    """

    covered: int
    num_modes: int
    high_quality: float
    per_mode: tuple[int, ...]
    num_samples: int
    within: float
    least: int

    @property
    def name(self) -> str:
        """For example "modes with 1 or more samples within 3 sd, 2,500"."""
        metric = f"modes with {self.least:,} or more samples within {self.within:g} sd"
        return with_counts(metric, self.num_samples)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.covered} of {self.num_modes}, "
            f"{100 * self.high_quality:.1f}% high-quality"
        )


def mode_coverage(
    samples: ArrayLike,
    centres: ArrayLike,
    scale: float,
    *,
    within: float = 3.0,
    least: int = 1,
) -> ModeCoverage:
    """Modes covered and share of high-quality samples (Srivastava et al. 2017, arXiv:1705.07761).

    A sample is of high quality if its distance to the nearest centre is at most `within` standard
    deviations, and it is then that mode's own. A mode is covered if it has at least `least` such
    samples. VEEGAN counts a mode with one sample of 2,500 as covered, and that is the default; with
    a larger `least` a mode that only stray samples reach does not count. Of the two-dimensional
    mixture itself a share of 1 - exp(-within^2 / 2) is of high quality: 98.9 % for 3.

    Args:
        samples: generated samples, shape (N, D).
        centres: of the modes, shape (M, D).
        scale: standard deviation of a mode along each axis.
        within: how many of these a high-quality sample may be away.
        least: see above.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if samples and centres are not rows of equal width.
    """
    scale = check_positive("scale", scale)
    within = check_positive("within", within)
    least = check_count("least", least)
    # Moved by the centres' middle: samples far away must not cost the near ones their digits.
    middle, drawn = centred(*as_row_sets(centres=centres, samples=samples))
    counts = np.zeros(len(middle), dtype=np.int64)
    for i in blocks(len(drawn)):
        squared = squared_distances(drawn[i], middle)
        near = squared.min(1) <= (within * scale) ** 2
        counts += np.bincount(squared.argmin(1)[near], minlength=len(middle))
    return ModeCoverage(
        covered=int(np.count_nonzero(counts >= least)),
        num_modes=len(middle),
        high_quality=float(counts.sum() / len(drawn)),
        per_mode=tuple(counts.tolist()),
        num_samples=len(drawn),
        within=float(within),
        least=int(least),
    )
