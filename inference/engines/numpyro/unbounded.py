"""Latents as unbounded numbers, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from numpyro.distributions import biject_to

from inference.program.annealing_conditions import refused_support


def log_jacobian(transform: Any, unbounded: Array, value: Array) -> Array:
    """log |dz / du| of the map to a latent's support, (R,)."""
    each = transform.log_abs_det_jacobian(unbounded, value)
    return jnp.reshape(each, (len(unbounded), -1)).sum(1)


def unbounded_values(sites: dict[str, Any]) -> dict[str, Array]:
    """The values of sites as unbounded numbers."""
    # A draw that rounding has put on a bound goes back inside, by less than rounding.
    return {
        name: jnp.nan_to_num(
            unbounding(name, site).inv(site["value"]), nan=jnp.nan, posinf=17.0, neginf=-17.0
        )
        for name, site in sites.items()
    }


def unbounding(name: str, site: Any) -> Any:
    """The map from unbounded numbers to a site's support."""
    try:
        support = site["fn"].support
    except NotImplementedError:
        support = None
    try:
        return biject_to(support)
    except (NotImplementedError, TypeError) as error:
        raise refused_support(name, support) from error
