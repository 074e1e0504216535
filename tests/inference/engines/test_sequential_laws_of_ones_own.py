"""A sequential law needs no more than `conditionals(inputs)` to be drawn entry by entry.

Truth: of an AR(1) chain x_i ~ Normal(0.7 x_before, 1) the residuals of what is drawn are standard
normal, and the weight of what is held is its density given the entry before it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from inference import ProfessorForcing, ScheduledSampling, complete, fit
from inference.engines import load_engine
from inference.errors import ObjectiveError

SLOPE, COLUMNS = 0.7, 4
X = np.random.default_rng(0).normal(size=(60, COLUMNS)).astype(np.float32)
HELD = np.array([True, False, True, False])


def on_pyro(backwards: bool, *, mean_of: int = 1) -> Any:
    import pyro
    import pyro.distributions as dist
    import torch
    from torch.distributions import constraints

    step = -1 if backwards else 1

    class Chain(dist.TorchDistribution):
        sequential = True
        arg_constraints: ClassVar[Any] = {}
        support: Any = constraints.independent(constraints.real, 1)
        ranks = np.arange(COLUMNS)[::step]

        def __init__(self, slope: Any, shape: Any = ()) -> None:
            self.slope = slope
            self.components = (self,) * mean_of
            super().__init__(torch.Size(shape), torch.Size((COLUMNS,)), validate_args=False)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            return Chain(self.slope, batch_shape)

        def features(self, inputs: Any) -> Any:
            moved = inputs.roll(step, -1)
            first = torch.tensor(self.ranks.copy()) == 0
            return torch.where(first, 0.0, self.slope * moved)[..., None]

        def conditionals(self, inputs: Any) -> Any:
            return dist.Normal(self.features(inputs)[..., 0], 1.0).to_event(1)

        def log_prob(self, value: Any) -> Any:
            return self.conditionals(value).log_prob(value)

        def sample(self, sample_shape: Any = ()) -> Any:
            return torch.zeros((*sample_shape, *self.batch_shape, COLUMNS))

    def model(x: Any) -> None:
        slope = pyro.param("slope", torch.tensor(SLOPE))
        with pyro.plate("data", len(x)):
            pyro.sample("x", Chain(slope), obs=x)

    return model, lambda x: None


def on_numpyro(backwards: bool, *, mean_of: int = 1) -> Any:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    step = -1 if backwards else 1

    class Chain(dist.Distribution):
        sequential = True
        arg_constraints: ClassVar[Any] = {}
        support: Any = dist.constraints.independent(dist.constraints.real, 1)
        pytree_data_fields = ("slope",)
        ranks = np.arange(COLUMNS)[::step]

        def __init__(self, slope: Any, shape: Any = ()) -> None:
            self.slope = slope
            super().__init__(batch_shape=shape, event_shape=(COLUMNS,))

        @property
        def components(self) -> Any:
            return (self,) * mean_of

        def features(self, inputs: Any) -> Any:
            moved = jnp.roll(inputs, step, -1)
            return jnp.where(self.ranks == 0, 0.0, self.slope * moved)[..., None]

        def conditionals(self, inputs: Any) -> Any:
            return dist.Normal(self.features(inputs)[..., 0], 1.0).to_event(1)

        def log_prob(self, value: Any, intermediates: Any = None) -> Any:
            del intermediates
            return self.conditionals(value).log_prob(value)

        def sample(self, key: Any, sample_shape: Any = ()) -> Any:
            del key
            return jnp.zeros((*sample_shape, *self.batch_shape, COLUMNS))

    def model(x: Any) -> None:
        slope = numpyro.param("slope", SLOPE)
        with numpyro.plate("data", len(x)):
            numpyro.sample("x", Chain(slope), obs=x)

    return model, lambda x: None


MADE = {"pyro": on_pyro, "numpyro": on_numpyro}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("engine", MADE)
def test_entries_are_drawn_by_the_conditionals(engine: str, backwards: bool) -> None:
    """60 x 40 draws of two entries; the test fails by chance once in 10,000 runs."""
    pair, held = MADE[engine](backwards), np.broadcast_to(HELD, X.shape)
    found = load_engine(engine).complete(pair, (X,), held, 1.0, 40, 0)
    np.testing.assert_array_equal(found.rows[..., HELD], np.broadcast_to(X[:, HELD], (40, 60, 2)))
    way = slice(None, None, -1) if backwards else slice(None)
    rows = found.rows[..., way]
    mean = SLOPE * np.concatenate([np.zeros_like(rows[..., :1]), rows[..., :-1]], -1)
    drawn = ~HELD[way]
    assert stats.kstest((rows - mean)[..., drawn].ravel(), "norm").pvalue > 1e-4
    weight = stats.norm.logpdf(rows, mean)[..., ~drawn].sum(-1)
    np.testing.assert_allclose(found.log_weight, weight, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", MADE)
def test_objectives_that_draw_rows_take_it(engine: str) -> None:
    for objective in (ScheduledSampling(0.5), ProfessorForcing(hidden=(4,))):
        run = fit(MADE[engine](False), X, objective=objective, steps=2, progress=False)
        assert np.isfinite(run.history.loss).all()


@pytest.mark.parametrize("engine", MADE)
def test_what_conditionals_do_not_tell_is_said(engine: str) -> None:
    held = np.broadcast_to(HELD, X.shape)
    with pytest.raises(ObjectiveError, match=r"temperature=0.5 needs Chain to have a method compl"):
        complete(MADE[engine](False), X, held, temperature=0.5)
    with pytest.raises(ObjectiveError, match=r"Chain is a mean of several sequential laws"):
        complete(MADE[engine](False, mean_of=2), X, held)
