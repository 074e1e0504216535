"""Pairs of a user's own density that is known up to a constant, with a kernel and nothing more."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as numpyro_dist
import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor

UNITS = 3


class Ising(dist.TorchDistribution):
    """log f(x) = sum_i<j J x_i x_j + sum_i b x_i, with a sweep of single-site Gibbs."""

    normalised, has_rsample, burn_in = False, False, 20
    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)

    def __init__(self, pull: Tensor, bias: Tensor, slope: float = 1.0, batch: Any = ()) -> None:
        self.pull, self.bias, self.slope = pull, bias, slope
        super().__init__(torch.Size(batch), torch.Size((UNITS,)), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return Ising(self.pull, self.bias, self.slope, batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        total = value.sum(-1)
        pairs = 0.5 * (total.square() - value.square().sum(-1))
        found = self.pull * pairs + self.bias * total
        return found.expand(torch.broadcast_shapes(found.shape, self.batch_shape))

    def transition(self, value: Tensor, key: Any = None) -> Tensor:
        value = value.clone()
        for unit in range(UNITS):
            others = value.sum(-1) - value[..., unit]
            chance = torch.sigmoid(self.slope * (self.pull * others + self.bias))
            value[..., unit] = torch.bernoulli(chance, generator=key)
        return value

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        value = torch.zeros(self._extended_shape(sample_shape))
        with torch.no_grad():
            for _ in range(self.burn_in):
                value = self.transition(value)
        return value


class JaxIsing(numpyro_dist.Distribution):
    """The same on NumPyro."""

    normalised, burn_in = False, 20
    arg_constraints: ClassVar[Any] = {}
    support: Any = numpyro_dist.constraints.independent(numpyro_dist.constraints.boolean, 1)
    reparametrized_params: ClassVar[Any] = ()
    pytree_data_fields = ("pull", "bias")
    pytree_aux_fields = ("slope",)

    def __init__(self, pull: Any, bias: Any, slope: float = 1.0, batch: Any = ()) -> None:
        self.pull, self.bias, self.slope = pull, bias, slope
        super().__init__(tuple(batch), (UNITS,), validate_args=False)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        del intermediates
        total = value.sum(-1)
        pairs = 0.5 * (total**2 - (value**2).sum(-1))
        return self.pull * pairs + self.bias * total

    def transition(self, value: Any, key: Any) -> Any:
        for unit, own in enumerate(jax.random.split(key, UNITS)):
            others = value.sum(-1) - value[..., unit]
            chance = jax.nn.sigmoid(self.slope * (self.pull * others + self.bias))
            drawn = jax.random.bernoulli(own, chance)
            value = value.at[..., unit].set(drawn.astype(value.dtype))
        return value

    def sample(self, key: Any, sample_shape: Any = ()) -> Any:
        value = jnp.zeros(self.shape(sample_shape))
        for number in range(self.burn_in):
            value = self.transition(value, jax.random.fold_in(key, number))
        return value


def ising(engine: str, slope: float = 1.0) -> Any:
    """A pair without latents; with a slope other than one its kernel is that of another density."""
    framework, make = (pyro, Ising) if engine == "pyro" else (numpyro, JaxIsing)
    start = torch.tensor if engine == "pyro" else jnp.asarray

    def model(x: Any = None, *, size: int = 1) -> Any:
        pull, bias = framework.param("pull", start(0.8)), framework.param("bias", start(-0.5))
        with framework.plate("data", size if x is None else len(x)):
            return framework.sample("x", make(pull, bias, slope), obs=x)

    return model, lambda x: None
