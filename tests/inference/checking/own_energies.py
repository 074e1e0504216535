"""Pairs of a user's own density that is known up to a constant, with a kernel or more."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as numpyro_dist
import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor

UNITS = 3
STATES = np.array(list(itertools.product((0, 1), repeat=UNITS)), np.float32)


class Ising(dist.TorchDistribution):
    """log f(x) = sum_i<j J x_i x_j + sum_i b x_i, with a sweep of single-site Gibbs."""

    normalised, has_rsample, burn_in = False, False, 20
    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)

    def __init__(self, pull: Tensor, bias: Tensor, slope: float = 1.0, batch: Any = ()) -> None:
        self.pull, self.bias, self.slope = pull, bias, slope
        super().__init__(torch.Size(batch), torch.Size((UNITS,)), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return type(self)(self.pull, self.bias, self.slope, batch_shape)

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


class Annealed:
    """Temperatures, constants and conditionals of an Ising machine, of which one may be wrong.

    A law of temperature b has b times the machine's numbers and 1 - b times the base's, which has
    no pull.
    """

    mistake = ""
    library: Any
    log_sum: Any
    pull: Any
    bias: Any

    def base(self, kind: Any = "data") -> Any:
        del kind
        return type(self)(0.0 * self.pull, 0.5 * self.bias)  # pyright: ignore[reportCallIssue]

    def tempered(self, beta: Any, base: Any) -> Any:
        warm = {"first": 0.1 + 0.9 * beta, "last": 0.9 * beta}.get(self.mistake, beta)
        slope = 0.5 if self.mistake == "kernel" else 1.0
        pull = warm * self.pull + (1 - warm) * base.pull
        bias = warm * self.bias + (1 - warm) * base.bias
        return type(self)(pull, bias, slope)  # pyright: ignore[reportCallIssue]

    def log_partition(self) -> Any:
        """Of k units that are on there are comb(3, k) states."""
        terms = [
            math.log(math.comb(UNITS, on)) + self.pull * on * (on - 1) / 2 + self.bias * on
            for on in range(UNITS + 1)
        ]
        total = self.log_sum(self.library.stack(terms), 0)
        return total + 0.5 if self.mistake == "constant" else total

    def log_conditionals(self, value: Any, columns: Any = None) -> Any:
        """log p(x_i | all others): the log odds of a unit are linear in the others."""
        del columns
        odds = self.pull * (value.sum(-1)[..., None] - value) + self.bias
        odds = (1 - 2 * value) * (0.5 if self.mistake == "conditionals" else 1.0) * odds
        return -self.library.logaddexp(0.0 * odds, odds)


def laws(engine: str, mistake: str) -> Any:
    """The class of an Ising machine with temperatures, right or with a mistake."""
    if engine == "pyro":
        held: dict[str, Any] = {"library": torch, "log_sum": staticmethod(torch.logsumexp)}
    else:
        held = {"library": jnp, "log_sum": staticmethod(jax.scipy.special.logsumexp)}
    plain = Ising if engine == "pyro" else JaxIsing
    return type("Warm", (Annealed, plain), {**held, "mistake": mistake})


def ising(engine: str, slope: float = 1.0, make: Any = None) -> Any:
    """A pair without latents; with a slope other than one its kernel is that of another density."""
    framework = pyro if engine == "pyro" else numpyro
    make = make or (Ising if engine == "pyro" else JaxIsing)
    start: Any = torch.tensor if engine == "pyro" else jnp.asarray

    def model(x: Any = None, *, size: int = 1) -> Any:
        pull, bias = framework.param("pull", start(0.8)), framework.param("bias", start(-0.5))
        with framework.plate("data", size if x is None else len(x)):
            return framework.sample("x", make(pull, bias, slope), obs=x)

    return model, lambda x: None
