"""Does a classifier take generated samples for clear cases, and of all classes?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from inference.errors import DataError
from inference.samples.metric import SampleMetric, check_label
from inference.samples.rows import as_rows

_SUM = 1e-3  # how far a row's sum may be from one, as for probabilities in float16


def classifier_score(probabilities: ArrayLike, *, features: str = "classifier") -> SampleMetric:
    """exp of the mean divergence of p(y | x) from its mean (Salimans et al., arXiv:1606.03498).

    The inception score (Salimans et al. 2016), of any classifier:

        exp(1/N sum_n KL(p(y | x_n) || p(y))),    p(y) = 1/N sum_n p(y | x_n)

    It lies between 1 (every sample is classified alike) and the number of classes (each sample is
    certain and all classes are as frequent). It never looks at real samples, and sees no variety
    within a class. Few samples overfit p(y) and give too large a score: compare equal counts only.

    Args:
        probabilities: of the classes for each generated sample, shape (N, classes); rows sum to
            one.
        features: the classifier, for the name of the result.

    Raises:
        DataError: if the rows are no probabilities.
    """
    rows = as_rows("probabilities", probabilities)
    sums = rows.sum(1)
    wrong = (rows < 0).any(1) | (np.abs(sums - 1) > _SUM)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            "probabilities must be rows of numbers from 0 that sum to one; row "
            f"{first} has least entry {rows[first].min():.4g} and sum {sums[first]:.4g}. Pass "
            "probabilities, not logits."
        )
    rows = rows / sums[:, None]
    mean = rows.mean(0)
    divergences = xlogy(rows, rows).sum(1) - xlogy(rows, mean).sum(1)
    value = float(np.exp(divergences.mean()))
    return SampleMetric(value, f"{check_label(features)} classifier score", (len(rows),))
