"""Looking at a NumPyro pair, or scoring with it, leaves the averages of its networks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.contrib.module import flax_module

from inference import ELBO, IWAE, RWS, STL, SUMO, explain, fit, log_likelihood
from inference.engines.numpyro.inspection import inspect
from inference.errors import ObjectiveError

X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)


class Normalised(nn.Module):
    """A layer with running averages, always in training mode."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.BatchNorm(use_running_average=False)(x))


def model(x: Any) -> None:
    net = flax_module("net", Normalised(), mutable=["batch_stats"], input_shape=(2, 2))
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros((len(x), 2)), 1.0).to_event(1))
        numpyro.sample("x", dist.Normal(net(z), 1.0).to_event(1), obs=x)


def guide(x: Any) -> None:
    a = numpyro.param("a", 0.3)
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(a * x[:, :2], 0.5).to_event(1))


@pytest.fixture(scope="module")
def run() -> Any:
    return fit((model, guide), X, steps=3, batch_size=8, seed=0, progress=False)


def refused(pair: Any) -> None:
    with pytest.raises(ObjectiveError, match="worked out over the batch"):
        log_likelihood(pair, X, num_particles=2)


LOOKS: dict[str, Callable[[Any], Any]] = {
    "inspect": lambda pair: inspect(pair.model, pair.guide, (X,), {}),
    "explain": lambda pair: explain(pair, X[:7]),
    "log_likelihood": lambda pair: refused(pair),  # rows that are normalised together
    "predicting": lambda pair: numpyro.handlers.seed(pair.model, 0)(X),
}


@pytest.mark.parametrize("name", LOOKS)
def test_averages_are_as_they_were(name: str, run: Any) -> None:
    before = jax.tree.map(np.array, run.pair.values)
    LOOKS[name](run.pair)
    after = jax.tree.map(np.asarray, run.pair.values)
    jax.tree.map(np.testing.assert_array_equal, after, before)


def test_training_moves_them(run: Any) -> None:
    more = fit(run.pair, X, steps=3, batch_size=8, seed=1, progress=False)
    before, after = (jax.tree.leaves(pair.values["net$state"]) for pair in (run.pair, more.pair))
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(after, before, strict=True))


class Whitened(dist.Distribution):
    """Normal noise once a network has normalised the rows: scoring is what moves its averages."""

    support: Any = dist.constraints.real_vector
    pytree_aux_fields = ("network",)

    def __init__(self, network: Any, shape: tuple[int, ...]) -> None:
        self.network = network
        super().__init__(shape, (3,))

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """Up to the volume, which is the same for all."""
        return dist.Normal(self.network(value), 1.0).log_prob(value).sum(-1)


def scored_by_a_network(x: Any) -> None:
    net = flax_module("net", Normalised(), mutable=["batch_stats"], input_shape=(2, 3))
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(jnp.zeros((len(x), 2)), 1.0).to_event(1))
        numpyro.sample("x", Whitened(net, (len(x),)), obs=x)


@pytest.mark.parametrize(
    "objective", [ELBO(), ELBO(3), IWAE(3), STL(), SUMO(2), RWS(2), "upstream"]
)
def test_a_step_moves_averages_once_where_a_density_is_a_network_s(objective: Any) -> None:
    """After n steps on the same rows a mean is (1 - .99^n) times theirs, as flax defines it."""
    objective = numpyro.infer.Trace_ELBO() if objective == "upstream" else objective
    run = fit(
        (scored_by_a_network, guide),
        X,
        objective=objective,
        steps=4,
        progress=False,
    )
    moved: Any = run.pair.values["net$state"]
    mean = moved["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(mean, (1 - 0.99**4) * X.mean(0), rtol=1e-4)
