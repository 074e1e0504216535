"""To look at a pair on some rows leaves nothing behind in its guide."""

from __future__ import annotations

import copy

import numpy as np
import numpyro_styles
import pyro_styles
import pytest

from inference import fit, log_likelihood, valid_objectives
from inference.errors import ObjectiveError


@pytest.mark.parametrize("module", [pyro_styles, numpyro_styles])
def test_an_autoguide_is_made_for_the_rows_of_the_fit(module):
    """And not for the first rows that it sees, to which it would be bound from then on."""
    pair, _, _ = module.eight_schools()
    model = pair[1].model
    data = module.EFFECT, module.ERROR
    valid_objectives(pair, *(array[:3] for array in data))
    with pytest.raises(ObjectiveError, match="latent 'mu', outside of the data's plate"):
        log_likelihood(pair, data, num_particles=2)
    assert pair[1].prototype_trace is None
    assert pair[1].model is model


def test_an_easy_guide_forgets_the_plates_of_a_run_that_failed():
    """It is made for eight schools, so that it cannot be looked at on two of them."""
    pair, (batch,), _ = pyro_styles.easy_guide()
    run = fit(pair, batch, steps=2, progress=False)
    with pytest.raises(ObjectiveError, match="latent 'mu', outside of the data's plate"):
        log_likelihood(run.pair, batch, num_particles=2)
    assert fit(pair, batch, steps=2, progress=False).step == 2


def test_a_copy_of_a_pair_does_not_take_the_model_from_its_autoguide():
    """As `copy.deepcopy` does, which Pyro makes a way of pickling."""
    pair = pyro_styles.Schools()
    model = pair.guide.model
    first = fit(pair, (pyro_styles.EFFECT, pyro_styles.ERROR), steps=2, progress=False)
    assert pair.guide.model is model
    again = fit(first.pair, (pyro_styles.EFFECT, pyro_styles.ERROR), steps=2, progress=False)
    assert first.pair.wrapped.guide.model is not None
    assert again.pair.wrapped.guide.model is not None
    assert np.isfinite(again.history.loss).all()
    copy.deepcopy(pair.guide)
    with pytest.raises(TypeError):  # upstream's; when it is mended there, so may we be
        _ = pair.guide.model
