"""A term of what is trained that is part of no likelihood (Pyro)."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
from torch import Tensor


def training_term(name: str, log_factor: Tensor) -> None:
    """Add a term to log p while a pair is trained.

    It is an observed site of weight exp(log_factor), marked `training_only`: evaluations leave it
    out.

    Args:
        name: of the site.
        log_factor: in nats, of the shape of the plates that it is within.
    """
    term = dist.Unit(log_factor)
    pyro.sample(name, term, obs=term.sample(), infer={"training_only": True})  # pyright: ignore[reportArgumentType]
