"""The constant of a law over few bits is summed, whether or not its class says how.

Truth: of a chain f(v) = exp(J sum v_i v_(i+1) + b sum v_i) the transfer matrix, [[1, sqrt a],
[sqrt a, a e^J]] with a = e^b, whose power gives the sum over all states.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from inference import figures, fit, log_likelihood, log_partition
from inference.errors import ArgumentError

J, B = 1.2, -0.8


def log_z(bits: int) -> float:
    side = np.exp([0, B / 2])
    step = np.outer(side, side) * np.exp([[0, 0], [0, J]])
    return float(np.log(side @ np.linalg.matrix_power(step, bits - 1) @ side))


def on_pyro(bits: int) -> Any:
    import pyro
    import pyro.distributions as dist
    import torch
    from torch.distributions import constraints

    class Chain(dist.TorchDistribution):
        normalised = False
        arg_constraints: ClassVar[Any] = {}
        support: Any = constraints.independent(constraints.boolean, 1)

        def __init__(self, weight: Any, shape: Any = ()) -> None:
            self.weight = weight
            super().__init__(torch.Size(shape), torch.Size((bits,)), validate_args=False)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            return Chain(self.weight, batch_shape)

        def log_prob(self, value: Any) -> Any:
            pairs = (value[..., 1:] * value[..., :-1]).sum(-1)
            return self.weight * (J * pairs + B * value.sum(-1))

        def transition(self, value: Any, key: Any = None) -> Any:
            del key
            return value

        def sample(self, sample_shape: Any = ()) -> Any:
            return torch.zeros((*sample_shape, *self.batch_shape, bits))

    def model(x: Any = None, *, size: int = 1) -> Any:
        weight = pyro.param("weight", torch.tensor(1.0))
        with pyro.plate("data", size if x is None else len(x)):
            return pyro.sample("spins", Chain(weight), obs=x)

    return model, lambda x=None: None


def on_numpyro(bits: int) -> Any:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    class Chain(dist.Distribution):
        normalised = False
        arg_constraints: ClassVar[Any] = {}
        support: Any = dist.constraints.independent(dist.constraints.boolean, 1)

        def __init__(self, weight: Any, shape: Any = ()) -> None:
            self.weight = weight
            super().__init__(batch_shape=shape, event_shape=(bits,))

        def log_prob(self, value: Any, intermediates: Any = None) -> Any:
            del intermediates
            pairs = (value[..., 1:] * value[..., :-1]).sum(-1)
            return self.weight * (J * pairs + B * value.sum(-1))

        def transition(self, value: Any, key: Any) -> Any:
            del key
            return value

        def sample(self, key: Any, sample_shape: Any = ()) -> Any:
            del key
            return jnp.zeros((*sample_shape, *self.batch_shape, bits))

    def model(x: Any = None, *, size: int = 1) -> Any:
        weight = numpyro.param("weight", 1.0)
        with numpyro.plate("data", size if x is None else len(x)):
            return numpyro.sample("spins", Chain(weight), obs=x)

    return model, lambda x=None: None


@pytest.mark.parametrize("made", [on_pyro, on_numpyro])
def test_it_is_summed(made: Any) -> None:
    for bits in (5, 17):  # the second in two parts
        assert log_partition(made(bits), "exact").log_z == pytest.approx(log_z(bits), abs=1e-4)
    x = (np.arange(40).reshape(8, 5) % 3 == 0).astype(np.float32)
    energy = J * (x[:, 1:] * x[:, :-1]).sum(1) + B * x.sum(1)
    found = log_likelihood(made(5), x, method="exact")
    np.testing.assert_allclose(found.per_datum, energy - log_z(5), atol=1e-4)


@pytest.mark.parametrize("made", [on_pyro, on_numpyro])
def test_many_bits_are_not(made: Any) -> None:
    with pytest.raises(ArgumentError, match=r"no log_partition\(\).*use method='ais'"):
        log_partition(made(21), "exact")


@pytest.mark.parametrize("made", [on_pyro, on_numpyro])
def test_figures_know_the_data_by_what_the_model_observes(made: Any) -> None:
    x = (np.arange(40).reshape(10, 4) % 3 == 0).astype(np.float32)
    run = fit(made(4), x, objective="cd", steps=1, progress=False)
    assert "valid less train: 0.00 nats" in figures.free_energies(run, x, x).axes[0].get_title()
    assert figures.chains(run, rows=2, steps=(0, 1), shape=(2, 2)).axes
