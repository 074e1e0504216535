"""Effects of coaching in eight schools, with their standard errors (Rubin 1981)."""

from __future__ import annotations

import numpy as np

from ppl_models.datasets._dataset import SPLITS, Dataset

EFFECTS = (28, 8, -3, 7, -1, 1, 18, 12)
STANDARD_ERRORS = (15, 10, 16, 11, 9, 11, 10, 18)


def load() -> Dataset:
    """Load the eight schools: x is the estimated effect, (8, 1), and y its standard error, (8, 1).

    In points of the SAT-V (Rubin 1981, J. Educ. Stat. 6; Gelman et al. 2013, Bayesian Data
    Analysis, section 5.5). There are no others: train, valid and test are the same eight rows.
    """
    x = np.array(EFFECTS, dtype=np.float32)[:, None]
    y = np.array(STANDARD_ERRORS, dtype=np.float32)[:, None]
    return Dataset(
        name="eight_schools",
        **dict.fromkeys(SPLITS, x),
        y=dict.fromkeys(SPLITS, y),
        variant="y=standard errors",
        image_shape=(1,),
        binarisation="real",
    )
