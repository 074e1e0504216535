"""Latents as unbounded numbers, on Pyro."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.distributions import biject_to

from inference.program.annealing_conditions import refused_support
from inference.program.distributions import support_of


def log_jacobian(transform: Any, unbounded: Tensor, value: Tensor) -> Tensor:
    """log |dz / du| of the map to a latent's support, (R,)."""
    each = transform.log_abs_det_jacobian(unbounded, value)
    return each.reshape(len(unbounded), -1).sum(1)


def unbounded_values(sites: dict[str, Any]) -> dict[str, Tensor]:
    """The values of sites as unbounded numbers."""
    # A draw that rounding has put on a bound goes back inside, by less than rounding.
    return {
        name: unbounding(name, site)
        .inv(site["value"])
        .nan_to_num(nan=math.nan, posinf=17.0, neginf=-17.0)
        for name, site in sites.items()
    }


def unbounding(name: str, site: Any) -> Any:
    """The map from unbounded numbers to a site's support."""
    support = support_of(site["fn"])
    try:
        return biject_to(support)
    except (NotImplementedError, TypeError) as error:
        raise refused_support(name, support) from error
