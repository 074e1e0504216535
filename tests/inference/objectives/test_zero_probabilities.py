"""Objects that are there or not: what is asked of one that is not has a probability of zero."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as ndist
import pyro.distributions as pdist
import pytest
import torch
from plated import Words
from rows import ENGINES

from inference.engines import load_engine
from inference.objectives import ELBO, RLOO, VIMCO, Enumerated

ROWS, SETS = 250, 40
X = np.full(ROWS, 0.3, dtype=np.float32)
THERE, LOOKS = 0.3, -0.2
OBJECTIVES = (ELBO(), VIMCO(2), Enumerated())


def present(engine: str, *, one_hot: bool) -> Any:
    """`looks` is drawn with probability `there` times something, and data cost much."""
    words = Words(engine)
    joined: Any = torch.stack if engine == "pyro" else jnp.stack
    sigmoid: Any = torch.sigmoid if engine == "pyro" else jax.nn.sigmoid

    def law(p: Any) -> Any:
        if not one_hot:
            return words.dist.Bernoulli(p)
        both = joined([1 - p, p], -1)
        return pdist.OneHotCategorical(both) if engine == "pyro" else ndist.Multinomial(1, both)

    def model(x: Any) -> None:
        mean = words.library.param("mean", words.array(0.5))
        with words.library.plate("data", len(x)):
            there = words.sample("there", words.dist.Bernoulli(0 * x + 0.6))
            looks = words.sample("looks", law(0.5 * there))
            looks = looks[..., 1] if one_hot else looks
            words.library.sample("x", words.dist.Normal(mean * (there + looks), 0.05), obs=x)

    def guide(x: Any) -> None:
        first = words.library.param("to_be", words.array(THERE))
        second = words.library.param("to_look", words.array(LOOKS))
        with words.library.plate("data", len(x)):
            there = words.sample("there", words.dist.Bernoulli(sigmoid(first + 0 * x)))
            words.sample("looks", law(sigmoid(second + 0 * x) * there))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def slopes_of_presence() -> dict[str, float]:
    """Of the bound by the guide's two logits, by enumeration of the three states."""

    def at(there: float, looks: float) -> float:
        a, b = 1 / (1 + np.exp(-there)), 1 / (1 + np.exp(-looks))
        q = np.array([1 - a, a * (1 - b), a * b])
        mean = 0.5 * np.arange(3)
        log_p = np.log([0.4, 0.3, 0.3]) - 0.5 * ((X[0] - mean) / 0.05) ** 2
        return float(q @ (log_p - np.log(0.05) - np.log(q)))

    step = 1e-4
    return {
        "to_be": (at(THERE + step, LOOKS) - at(THERE - step, LOOKS)) / (2 * step),
        "to_look": (at(THERE, LOOKS + step) - at(THERE, LOOKS - step)) / (2 * step),
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("one_hot", "objective"),
    [*((False, each) for each in OBJECTIVES), (True, RLOO(2))],
    ids=repr,
)
def test_what_has_a_probability_of_zero_has_no_slope(
    engine: str, one_hot: bool, objective: Any
) -> None:
    """However large the signal is: 0 log p has none at p = 0."""
    made = present(engine, one_hot=one_hot)
    found, losses = load_engine(engine).gradients(made, objective, (X,), SETS)
    assert np.isfinite(losses).all()
    assert all(np.isfinite(each).all() for each in found.values())
    if isinstance(objective, ELBO | RLOO | Enumerated):
        for name, expected in slopes_of_presence().items():
            sampled = -found[name] / ROWS
            error = sampled.std(0, ddof=1) / np.sqrt(SETS)
            # Six errors with 39 degrees of freedom are 5e-7; 16 such numbers fail in 1e-5 of runs.
            np.testing.assert_array_less(abs(sampled.mean(0) - expected), 6 * error + 2e-3)
