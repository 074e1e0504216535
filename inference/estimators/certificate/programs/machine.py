"""Laws of binary rows, as distributions of either library: a machine, and what weighs nothing."""

from __future__ import annotations

import functools
from typing import Any

from inference.estimators.certificate.libraries import frameworks

_DATA = 3  # of a deep machine


@functools.cache
def machine(engine: str) -> Any:
    """The class of an RBM's law, of (weight, visible, hidden, log_z=None), with its Gibbs kernel.

        log f(v) = a . v + sum_j softplus(c_j + (v W)_j) - log_z

    It is known up to a constant where no log_z is given.
    """
    return _pyro_machine() if engine == "pyro" else _numpyro_machine()


@functools.cache
def middle(engine: str) -> Any:
    """The class of a machine between data, the first 3 of its hidden units, and others above."""
    _, arrays = frameworks(engine)

    class Middle(machine(engine)):
        def predict(self, x: Any, held: Any, sweeps: int) -> Any:
            """Log odds of data given the entries that are held, by unrolled mean field."""
            inputs = self.hidden + arrays.zeros((len(x), 1))
            for _ in range(sweeps):
                means = _logistic(engine, inputs)
                data = held * x + (1 - held) * means[..., :_DATA]
                even = arrays.concatenate([data, means[..., _DATA:]], -1)
                own = _logistic(engine, self.visible + even @ self.weight.T)
                inputs = self.hidden + own @ self.weight
            return inputs[..., :_DATA]

    return Middle


def _logistic(engine: str, logits: Any) -> Any:
    if engine == "pyro":
        return logits.sigmoid()
    import jax

    return jax.nn.sigmoid(logits)


@functools.cache
def rows(engine: str) -> Any:
    """The class of a law of log density zero on rows of so many bits, and without a kernel."""
    return _pyro_rows() if engine == "pyro" else _numpyro_rows()


def _pyro_rows() -> Any:
    import torch
    from pyro.distributions import TorchDistribution, constraints

    class Rows(TorchDistribution):
        arg_constraints: Any = {}  # noqa: RUF012
        support: Any = constraints.independent(constraints.boolean, 1)
        has_rsample = False
        normalised = False

        def __init__(self, width: int) -> None:
            super().__init__(torch.Size(), torch.Size((width,)), validate_args=False)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            twin = object.__new__(type(self))
            twin.__dict__.update(self.__dict__)
            twin._batch_shape = torch.Size(batch_shape)
            return twin

        def log_prob(self, value: Any) -> Any:
            return 0.0 * value.sum(-1)

        def sample(self, sample_shape: Any = ()) -> Any:
            shape = (*sample_shape, *self.batch_shape, *self.event_shape)
            return torch.bernoulli(torch.full(shape, 0.5))

    return Rows


def _pyro_machine() -> Any:
    import torch

    class Machine(rows("pyro")):
        def __init__(self, weight: Any, visible: Any, hidden: Any, log_z: Any = None) -> None:
            self.weight, self.visible, self.hidden, self.log_z = weight, visible, hidden, log_z
            self.normalised = log_z is not None
            super().__init__(len(visible))

        def log_prob(self, value: Any) -> Any:
            inputs = torch.nn.functional.softplus(self.hidden + value @ self.weight)
            found = value @ self.visible + inputs.sum(-1)
            return found if self.log_z is None else found - self.log_z

        def transition(self, value: Any, key: Any) -> Any:
            del key
            h = torch.bernoulli((self.hidden + value @ self.weight).sigmoid())
            return torch.bernoulli((self.visible + h @ self.weight.T).sigmoid())

    return Machine


def _numpyro_rows() -> Any:
    import jax.numpy as jnp
    from jax import random
    from numpyro.distributions import Distribution, constraints

    class Rows(Distribution):
        arg_constraints: Any = {}  # noqa: RUF012
        support: Any = constraints.independent(constraints.boolean, 1)
        normalised: Any = False

        def __init__(self, width: int) -> None:
            super().__init__((), (width,), validate_args=False)

        @property
        def has_rsample(self) -> bool:
            return False

        def log_prob(self, value: Any, intermediates: Any = None) -> Any:
            del intermediates
            return 0.0 * value.sum(-1)

        def sample(self, key: Any, sample_shape: Any = ()) -> Any:
            shape = (*sample_shape, *self.batch_shape, *self.event_shape)
            return random.bernoulli(key, 0.5, shape).astype(jnp.result_type(float))

    return Rows


def _numpyro_machine() -> Any:
    import jax
    from jax import random

    class Machine(rows("numpyro")):
        pytree_data_fields = ("weight", "visible", "hidden", "log_z")

        def __init__(self, weight: Any, visible: Any, hidden: Any, log_z: Any = None) -> None:
            self.weight, self.visible, self.hidden, self.log_z = weight, visible, hidden, log_z
            super().__init__(len(visible))

        @property
        def normalised(self) -> bool:
            return self.log_z is not None

        def log_prob(self, value: Any, intermediates: Any = None) -> Any:
            del intermediates
            inputs = jax.nn.softplus(self.hidden + value @ self.weight)
            found = value @ self.visible + inputs.sum(-1)
            return found if self.log_z is None else found - self.log_z

        def transition(self, value: Any, key: Any) -> Any:
            up, down = random.split(key)
            h = random.bernoulli(up, jax.nn.sigmoid(self.hidden + value @ self.weight))
            on = jax.nn.sigmoid(self.visible + h @ self.weight.T)
            return random.bernoulli(down, on).astype(value.dtype)

    return Machine
