"""An objective that looks at the model alone, and a model whose numbers are all latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plated import Words

from inference import MMD, fit, valid_objectives
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
@pytest.mark.parametrize("name", ["random_effects", "bayesian_regression"])
def test_it_is_not_offered(engine: str, name: str) -> None:
    pair = create(name, engine=engine)
    asked = valid_objectives(pair, *(np.repeat(each, 4, axis=0) for each in pair.example()))
    assert "ELBO" in asked.valid
    assert not {"MMD", "Adversarial"} & {*asked.valid}
    assert "nothing to learn" in asked.refused["MMD"]


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_model_of_ones_own_with_one_parameter_is_offered_it(engine: str) -> None:
    words = Words(engine)

    def model(x: Any = None, *, size: int = 1) -> Any:
        (w,) = words.params("w")
        with words.plate("data", size if x is None else len(x)):
            words.sample("x", words.dist.Normal(w, 1.0), obs=x)
        return w + 0 * words.array(np.zeros(size if x is None else len(x)))

    asked = valid_objectives((model, lambda x: None), np.ones(4, np.float32), engine=engine)
    assert "MMD" in asked.valid


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_means_that_no_parameter_changes_are_refused_and_draws_that_one_changes_are_not(
    engine: str,
) -> None:
    """All that this model learns is the scale of its noise, beside a mean that is a latent."""
    words = Words(engine)

    def model(x: Any = None, *, size: int = 1) -> Any:
        (w,) = words.params("w")
        with words.plate("data", rows := size if x is None else len(x)):
            z = words.sample("z", words.dist.Normal(words.array(np.zeros(rows)), 1.0))
            words.sample("x", words.dist.Normal(z, w * w), obs=x)
        return z

    def guide(x: Any) -> None:
        (a,) = words.params("a")
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(a * x, 1.0))

    x = np.linspace(-1, 1, 4, dtype=np.float32)
    asked = valid_objectives((model, guide), x, engine=engine)
    assert "ELBO" in asked.valid
    for name in ("MMD", "Adversarial"):
        assert "nothing to learn" in asked.refused[name]
        with pytest.raises(ObjectiveError, match=r"nothing to learn.*draw='sample'"):
            fit((model, guide), x, objective=name.lower(), steps=2, progress=False, engine=engine)
    by_draws = MMD(draw="sample")
    run = fit((model, guide), x, objective=by_draws, steps=2, progress=False, engine=engine)
    assert run.parameters["w"] != np.float32(0.7)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_one_row_has_nothing_to_be_compared_with(engine: str) -> None:
    pair = create("mlp_generator", engine=engine, data_dim=2, likelihood="gaussian")
    data = load("grid").train[:3]
    with pytest.raises(ObjectiveError, match=r"one row; use a larger batch_size"):
        fit(pair, data, objective="mmd", batch_size=1, steps=3, progress=False)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_generator_with_parameters_is_trained(engine: str) -> None:
    pair = create("mlp_generator", engine=engine, data_dim=2, likelihood="gaussian")
    assert fit(pair, load("grid").train[:40], objective="mmd", steps=3, progress=False).step == 3
