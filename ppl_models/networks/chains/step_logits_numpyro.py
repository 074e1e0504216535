"""What a network that is shown a whole sequence says of each of its steps (jax)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def step_logits(
    network: Callable[[jax.Array], jax.Array],
    x: jax.Array,
    inside: jax.Array | None,
    symbols: int | None,
    states: int,
) -> jax.Array:
    """See `step_logits.step_logits`."""
    shown = x if symbols is None else jax.nn.one_hot(x.astype(int), symbols)
    if inside is not None:
        shown = jnp.where(inside[..., None], shown, 0.0)
    logits = network(shown.reshape(*shown.shape[:-2], -1))
    logits = logits.reshape(*logits.shape[:-1], -1, states)
    return logits if inside is None else jnp.where(inside[..., None], logits, 0.0)
