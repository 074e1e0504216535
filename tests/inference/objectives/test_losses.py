"""Losses of critic and generator as values, with strings as their short form."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import numpy as np
import optax
import pytest
from numpyro.infer import SVI

from inference.engines.numpyro.small_pairs import small_pairs
from inference.errors import ArgumentError
from inference.objectives import Adversarial, describe_objective, parse_objective
from inference.objectives.losses import LOSSES, Hinge, NonSaturating, Wasserstein

X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_a_name_is_the_short_form_of_a_value(name: str) -> None:
    settings: Any = {"clip": 0.1} if name == "wasserstein" else {}
    short, whole = (Adversarial(loss=loss, **settings) for loss in (name, LOSSES[name](**settings)))
    assert short.loss == whole.loss == LOSSES[name](**settings)
    assert repr(short) == repr(whole)
    assert describe_objective(short) == describe_objective(whole)
    assert parse_objective(describe_objective(whole)).arguments() == whole.arguments()
    assert type(short)(**short.arguments()).loss == short.loss


def test_settings_of_a_loss_are_given_once() -> None:
    objective = Adversarial(loss=Wasserstein(gradient_penalty=10.0))
    beside = Adversarial(loss="wasserstein", gradient_penalty=10.0)
    assert objective.gradient_penalty == beside.gradient_penalty == 10.0
    assert objective.loss == beside.loss == Wasserstein(gradient_penalty=10.0)
    assert describe_objective(objective) == "adversarial:loss=wasserstein,gradient_penalty=10.0"
    assert Adversarial(loss=NonSaturating(smooth_real=0.1)).smooth_real == 0.1
    with pytest.raises(ValueError, match=r"gradient_penalty=1\.0 is given beside Wasserstein\(gr"):
        Adversarial(loss=Wasserstein(gradient_penalty=10.0), gradient_penalty=1.0)
    with pytest.raises(ValueError, match=r"smooth_real must lie in \[0, 0\.5\], got 0\.9"):
        NonSaturating(smooth_real=0.9)
    with pytest.raises(ValueError, match=r"loss must be one of minimax.*losses, got 3"):
        Adversarial(loss=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^Hinge\(\) is called as the loss of an objective alone"):
        Hinge()(None, {}, None, None)


def test_called_it_is_the_loss_of_numpyros_svi() -> None:
    objective, pair = Adversarial(loss="hinge", hidden=(4,)), small_pairs()["gaussian"]
    assert pickle.loads(pickle.dumps(objective)).loss == Hinge()
    svi = SVI(*objective.attach(pair.model, pair.guide), optax.adam(0.01), loss=objective)
    state = svi.init(jax.random.PRNGKey(0), X)
    values = {**svi.get_params(state), **(state.mutable_state or {})}
    key = jax.random.PRNGKey(1)
    called = objective.loss(key, values, pair.model, pair.guide, X)
    both = objective.loss_with_mutable_state(key, values, pair.model, pair.guide, X)
    assert float(called) == float(both["loss"])
    assert np.isfinite(float(svi.evaluate(state, X)))


def test_a_bad_setting_is_an_argument_that_has_no_meaning() -> None:
    for setting in ("clip", "gradient_penalty"):
        with pytest.raises(ArgumentError, match=f"{setting} must be positive or None, got -1"):
            Wasserstein(**{setting: -1})
