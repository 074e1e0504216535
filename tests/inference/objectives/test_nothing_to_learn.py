"""An objective that looks at the model alone, and a model whose numbers are all latent."""

from __future__ import annotations

import pytest

from inference import fit
from inference.errors import ObjectiveError
from ppl_models import create
from ppl_models.datasets import load


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("objective", ["mmd", "adversarial"])
def test_it_is_refused_and_elbo_is_named(engine: str, objective: str) -> None:
    pair = create("random_effects", engine=engine)
    with pytest.raises(ObjectiveError, match=r"nothing to learn.*Use ELBO\(\)"):
        fit(pair, load("eight_schools"), objective=objective, steps=3, progress=False)
    assert fit(pair, load("eight_schools"), objective="elbo", steps=3, progress=False).step == 3


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_generator_with_parameters_is_trained(engine: str) -> None:
    pair = create("mlp_generator", engine=engine, data_dim=2, likelihood="gaussian")
    assert fit(pair, load("grid").train[:40], objective="mmd", steps=3, progress=False).step == 3
