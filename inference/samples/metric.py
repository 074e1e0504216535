"""A number about samples, which says on how many it was computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inference.descriptions import shown
from inference.errors import ArgumentError


def with_counts(metric: str, *counts: int) -> str:
    """A metric's name with its sample counts: most metrics are biased by an amount of these."""
    return f"{metric}, {'/'.join(f'{count:,}' for count in counts)}"


def features_name(features: Callable[..., Any] | None) -> str:
    """What to call the space that a metric is computed in."""
    if features is None:
        return "data-space"
    return str(getattr(features, "name", getattr(features, "__name__", type(features).__name__)))


def check_label(features: Any) -> str:
    """Check what a result is to be named by.

    Raises:
        ArgumentError: if it is no word.
    """
    if not isinstance(features, str) or not features or not features.isprintable():
        raise ArgumentError(f"features must be a name for the result, got {shown(features)}.")
    return features


@dataclass(frozen=True)
class SampleMetric:
    """One number about samples.

    Attributes:
        value: the number.
        metric: what was computed, and on which features.
        counts: how many samples it was computed on: real and generated, or generated alone.
        standard_error: of the value over sets of samples of that size; NaN where not estimated.
    """

    value: float
    metric: str
    counts: tuple[int, ...]
    standard_error: float = math.nan

    @property
    def name(self) -> str:
        """For example "digit-features Frechet distance, 10,000/10,000"."""
        return with_counts(self.metric, *self.counts)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.3g}"
        return f"{self.name}: {self.value:.4g}{error}"
