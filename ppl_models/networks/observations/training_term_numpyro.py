"""A term of what is trained that is part of no likelihood (NumPyro)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist


def training_term(name: str, log_factor: jax.Array) -> None:
    """See `training_term.training_term`."""
    term: Any = dist.Unit(log_factor)
    nothing = jnp.zeros((*log_factor.shape, 0))
    alone: Any = {"training_only": True}
    numpyro.sample(name, term, obs=nothing, infer=alone)
