"""Markov chain Monte Carlo on Pyro, which there is none of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from numpy.typing import NDArray

from inference.errors import ArgumentError
from inference.program.structure import Structure


def nuts(
    pair: Any,
    check: Callable[[Structure], None],
    batch: tuple[NDArray[Any], ...],
    *,
    num_warmup: int,
    num_samples: int,
    num_chains: int,
    target_accept: float,
    rng_seed: int,
) -> NoReturn:
    """Refuse: chains are NumPyro's here.

    Raises:
        ArgumentError: always.
    """
    del pair, check, batch, num_warmup, num_samples, num_chains, target_accept, rng_seed
    raise ArgumentError(
        "NUTS runs on NumPyro models, and this one is Pyro's. Write it in NumPyro, or "
        "pass its sibling, which for the zoo's is create(name, engine='numpyro'); "
        "posterior_error compares guides of either engine with the draws."
    )
