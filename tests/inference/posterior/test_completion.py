"""Part of the data given another part, against sums over all states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_rbm as rbm
import torch
from rows import ENGINES
from scipy.stats import chi2

from inference import complete
from inference.errors import ArgumentError, ObjectiveError
from ppl_models import create

VALUES = {name: value.astype(np.float32) for name, value in rbm.parameters(seed=1).items()}
LAW = rbm.probabilities({name: value.astype(np.float64) for name, value in VALUES.items()})
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str) -> Any:
    made: Any = create("rbm", engine=engine, **rbm.SETTINGS)
    if engine == "pyro":
        made.load_state_dict({name: torch.tensor(value) for name, value in VALUES.items()})
    else:
        made.initial = VALUES
    return made


@each_engine
def test_the_rest_is_drawn_given_what_is_observed(engine: str) -> None:
    """Chi-squared of 5,000 draws of 5 units given 3, rate 1e-5; without the given it fails."""
    held = np.array([1, 0, 1, 0, 0, 0, 0, 1], bool)
    count, start = 5000, np.array([1, 0, 0, 0, 0, 0, 0, 1], np.float32)
    drawn = complete(pair(engine), np.tile(start, (count, 1)), held, steps=60)
    assert (drawn[:, held] == start[held]).all()
    agree = (rbm.STATES[:, held] == start[held]).all(1)
    seen = rbm.rows_as_law(np.asarray(drawn, float)) * count
    for law, fits in ((np.where(agree, LAW, 0.0), True), (agree / 1.0, False)):
        expected = count * law / law.sum()
        often = expected >= 5
        found, pooled = (np.append(each[often], each[~often].sum()) for each in (seen, expected))
        distance = ((found - pooled) ** 2 / np.maximum(pooled, 1e-9))[: often.sum()].sum()
        assert (distance < chi2.isf(1e-5, often.sum())) == fits


@each_engine
def test_refusals(engine: str) -> None:
    x = rbm.STATES[:3].astype(np.float32)
    with pytest.raises(ArgumentError, match=r"observed must be True or False .*\(8,\)"):
        complete(pair(engine), x, np.ones(8))
    vae = create("vae", engine=engine, data_dim=8, latent_dim=2, hidden=(3,))
    with pytest.raises(ObjectiveError, match="latent"):
        complete(vae, x, np.ones(8, bool))
