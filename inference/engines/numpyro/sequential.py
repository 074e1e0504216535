"""A site that is drawn entry by entry, on NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from inference.program.distributions import entries, ranks_of


class SequentialSite:
    """See `inference.program.sequential.SequentialSite`.

    Args:
        law: the site's, without what is around it.
        key: gives a key for each draw.
    """

    def __init__(self, law: Any, key: Callable[[], Array]) -> None:
        self.law, self.key = law, key

    @property
    def ranks(self) -> Array:
        """The rank of each entry, of the event's shape."""
        return jnp.asarray(ranks_of(self.law))

    def log_prob(self, inputs: Array, values: Array) -> Array:
        """sum_i log p(value i | the inputs before i), per datum, (N,)."""
        return self.law.conditionals(inputs).log_prob(values)

    def log_probs_given(self, inputs: Array, held: Array, values: Array) -> Array:
        """log p(value i | the inputs that are held), by entry, (N, *event)."""
        return entries(self.law.conditionals_given(inputs, held)).log_prob(values)

    def draw_given(self, inputs: Array) -> Array:
        """A draw of every entry given the inputs before it, (N, *event)."""
        drawn = self.law.conditionals(inputs).sample(self.key())
        return lax.stop_gradient(drawn).astype(inputs.dtype)

    def complete(self, values: Array, held: Array) -> Array:
        """Rows drawn entry by entry, of which some are held at values."""
        return lax.stop_gradient(self.law.complete(self.key(), values, held)[0])

    def features(self, inputs: Array) -> Array:
        """The hidden states from which the entries are drawn."""
        return self.law.features(inputs)
