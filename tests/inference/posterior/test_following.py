"""Draws of a likelihood that reads the entries before off the data replicate nothing."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import torch
from numpyro.contrib.control_flow import scan
from numpyro.handlers import condition
from numpyro.infer.autoguide import AutoNormal
from plated import Words
from rows import ENGINES

from inference import fit, predictive_check, to_arviz
from inference.errors import ObjectiveError

X = np.tile(np.array([[1, 1, 1], [0, 0, 0]], dtype=np.float32), (3, 1))


def pair(engine: str, *, reads: bool) -> Any:
    """Entries that repeat the one before, or all follow z alone; the model takes no size=."""
    words = Words(engine)
    joined: Any = torch.cat if engine == "pyro" else jnp.concatenate

    def model(x: Any) -> None:
        (w,) = words.params("w")
        nothing = words.array(np.zeros((len(X), 1)))
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(nothing, 1.0).to_event(1))
            before = joined([nothing, x[:, :-1]], -1) if reads else 0 * x
            logits = w * z + 8 * (before - 0.5)
            words.sample("x", words.dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(a * x[:, :1] + s, 0.7).to_event(1))

    return model, guide


@pytest.mark.parametrize("engine", ENGINES)
def test_they_are_left_out_and_refused(engine: str) -> None:
    asked = pair(engine, reads=True)
    with pytest.warns(UserWarning, match=r"draws of data at 'x' are left out.*size=1"):
        found: Any = to_arviz(asked, X, num_draws=4, engine=engine)
    assert {"posterior", "log_likelihood", "prior"} <= set(found.groups())
    assert not {"posterior_predictive", "prior_predictive"} & set(found.groups())
    with pytest.raises(ObjectiveError, match=r"draws data at 'x'.*size=1"):
        predictive_check(asked, X, np.mean, 4, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_others_stay(engine: str) -> None:
    asked = pair(engine, reads=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found: Any = to_arviz(asked, X, num_draws=4, engine=engine)
    assert {"posterior_predictive", "prior_predictive"} <= set(found.groups())
    assert np.isfinite(predictive_check(asked, X, np.mean, 4, engine=engine).posterior).all()


def test_latents_in_a_scan_without_size() -> None:
    """Which indexes what it is given by a step that is traced."""

    def walk(x: Any) -> None:
        def step(before: Any, _: Any) -> Any:
            z = numpyro.sample("z", dist.Normal(before, 1.0))
            numpyro.sample("x", dist.Normal(z, 0.5))
            return z, None

        with condition(data={"x": x}):
            scan(step, jnp.zeros(()), None, len(x))

    run = fit((walk, AutoNormal(walk)), [(X[:, 0],)], steps=1, progress=False)
    assert run.to_arviz(X[:, 0], num_draws=3).posterior["z"].shape == (1, 3, 6)  # pyright: ignore[reportAttributeAccessIssue]
