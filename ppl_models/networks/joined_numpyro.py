"""Latents side by side as one input of a network, for NumPyro pairs (jax)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def joined(parts: Sequence[jax.Array]) -> jax.Array:
    """Concatenate along the last dimension; the leading ones broadcast, as particles need it."""
    if len(parts) == 1:
        return parts[0]
    leading = jnp.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return jnp.concatenate(
        [jnp.broadcast_to(part, (*leading, part.shape[-1])) for part in parts], axis=-1
    )
