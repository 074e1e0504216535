"""What pairs of p(x | y) share: the condition y as their networks see it; NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.core import Tracer
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.condition import Condition
from ppl_models.networks.likelihoods_numpyro import Classes, Likelihood


class ConditionalPair(Pair):
    """The base of `_conditional.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        data_dim: int,
        classes: int | None,
        condition_dim: int | None,
        likelihood: str,
        noise_scale: float,
        kinds: tuple[str, ...] = ("bernoulli", "gaussian"),
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.condition = Condition(classes, condition_dim)
        check_choice("likelihood", likelihood, kinds)
        self.likelihood = (
            Classes()
            if likelihood == "categorical"
            else Likelihood(likelihood, data_dim, noise_scale)
        )

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a missing condition, and one that is not the pair's."""
        x, *given = arrays
        self.condition.check(given[0] if given else None, len(x))

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data and a condition."""
        return (*super().example(), self.condition.example())

    def _condition(self, x: jax.Array | None, y: jax.Array | None, size: int | None) -> jax.Array:
        """The condition as the networks see it, shape (N, width)."""
        rows = size if x is None else len(x)
        check = self.condition.check_shape if isinstance(y, Tracer) else self.condition.check
        check(y, rows)
        if self.condition.classes is None:
            return jnp.asarray(y, dtype=jnp.float32)
        return nnx.one_hot(jnp.asarray(y), self.condition.classes)
