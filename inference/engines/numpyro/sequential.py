"""A site that is drawn entry by entry, on NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax, random

from inference.program.completion import check_entry_by_entry
from inference.program.distributions import entries, ranks_of


def completed(
    law: Any, key: Array, values: Array, held: Array, temperature: float = 1.0
) -> tuple[Array, Array]:
    """Draw what is not held, by the law's own `complete`, or by its conditionals rank by rank.

    Args:
        law: a sequential law.
        key: for the draws.
        values: what the held entries are, (..., *event).
        held: which these are, of the same shape.
        temperature: of each conditional.

    Returns:
        The rows, and sum of log p(held entry | entries before it), (...).

    Raises:
        ObjectiveError: if the law's conditionals do not tell what is asked for.
    """
    if hasattr(law, "complete"):
        return law.complete(key, values, held, temperature)
    check_entry_by_entry(law, temperature)
    start = jnp.where(held, values, 0)
    inner = len(entries(law.conditionals(start)).event_shape)
    ranks = jnp.asarray(ranks_of(law))[(..., *(0,) * inner)]
    kept = held[(..., *(0,) * inner)]
    order = jnp.sort(ranks.ravel())

    def step(rows: Array, place: Array) -> tuple[Array, Array]:
        given = law.conditionals(rows)
        once = (place == 0) | (order[place] != order[place - 1])
        here = jnp.broadcast_to(once & (ranks == order[place]), kept.shape)
        drawn = given.sample(random.fold_in(key, place)).astype(values.dtype)
        scores = entries(given).log_prob(jnp.where(held, values, drawn))
        found = jnp.where(here & kept, scores, 0).reshape(*here.shape[: -ranks.ndim], -1).sum(-1)
        return jnp.where(here.reshape(here.shape + (1,) * inner) & ~held, drawn, rows), found

    rows, found = lax.scan(step, start, jnp.arange(len(order)))
    return rows, found.sum(0)


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
        return lax.stop_gradient(completed(self.law, self.key(), values, held)[0])

    def features(self, inputs: Array) -> Array:
        """The hidden states from which the entries are drawn."""
        return self.law.features(inputs)
