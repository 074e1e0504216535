"""Laws drawn entry by entry that show an entry too much, or score another law than they draw."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as dist
import torch
from jax import numpy as jnp
from mistakes import mistake
from torch import Tensor
from torch.distributions import constraints

BITS = (np.random.default_rng(3).random((6, 5)) < 0.5).astype(np.float32)


class Chain(dist.TorchDistribution):
    """Logits of each bit from those before it: `first` is the diagonal from which weights count."""

    sequential = True
    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)

    def __init__(self, weight: Tensor, first: int = -1, factor: float = 1.0) -> None:
        self.weight, self.first, self.factor = weight, first, factor
        super().__init__(torch.Size(), weight.shape[:1])

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        twin = Chain(self.weight, self.first, self.factor)
        twin._batch_shape = torch.Size(batch_shape)
        return twin

    def conditionals(self, inputs: Tensor) -> Any:
        return dist.Bernoulli(logits=inputs @ self.weight.tril(self.first).T).to_event(1)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.factor * self.conditionals(value).log_prob(value)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        value = torch.zeros(torch.Size(sample_shape) + self.batch_shape + self.event_shape)
        with torch.no_grad():
            for place in range(self.event_shape[0]):
                value[..., place] = self.conditionals(value).sample()[..., place]
        return value


def chain(first: int = -1, factor: float = 1.0) -> Any:
    def model(x: Tensor) -> None:
        weight = pyro.param("weight", lambda: torch.linspace(-1, 1, 25).reshape(5, 5))
        with pyro.plate("data", len(x)):
            pyro.sample("x", Chain(weight, first, factor), obs=x)

    def guide(x: Tensor) -> None:
        pass

    return model, guide


@mistake("no-entry-sees-later-ones", "rank 0", batch=(BITS,))
def sees_itself() -> Any:
    return chain(first=0)


@mistake("no-entry-sees-later-ones", "Shift the inputs", batch=(BITS,))
def sees_the_next() -> Any:
    return chain(first=1)


@mistake("conditionals-give-the-density", "conditionals(x).log_prob(x)", batch=(BITS,))
def scores_half() -> Any:
    return chain(factor=0.5)


class JaxChain(ndist.Distribution):
    sequential = True
    support: Any = ndist.constraints.independent(ndist.constraints.boolean, 1)

    def __init__(self, weight: Any, first: int) -> None:
        self.weight, self.first = weight, first
        super().__init__((), weight.shape[:1])

    def conditionals(self, inputs: Any) -> Any:
        return ndist.Bernoulli(logits=inputs @ jnp.tril(self.weight, self.first).T).to_event(1)

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        return self.conditionals(value).log_prob(value)


def jax_chain(first: int) -> Any:
    def model(x: Any) -> None:
        weight = numpyro.param("weight", jnp.linspace(-1, 1, 25).reshape(5, 5))
        with numpyro.plate("data", len(x)):
            numpyro.sample("x", JaxChain(weight, first), obs=x)

    def guide(x: Any) -> None:
        pass

    return model, guide
