"""The no-U-turn sampler, as settings that are run on a model and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inference.arguments import check_positive
from inference.data.rows import Arrays
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.posterior.sampler import Sampler
from inference.program.chains import Chains
from inference.program.engine import Engine
from inference.program.structure import Structure


@dataclass(frozen=True)
class NUTS(Sampler):
    """The no-U-turn sampler (Hoffman & Gelman 2014, arXiv:1111.4246), on NumPyro.

    Hamiltonian Monte Carlo whose paths end where they would turn back; step size and a diagonal
    mass matrix are adapted in the warm-up, which is dropped. The chains run side by side.

    Attributes:
        num_warmup: draws of each chain that are dropped.
        num_samples: draws of each chain that are kept, 4 or more.
        num_chains: how many, 2 or more: R-hat compares chains.
        target_accept: acceptance probability that the step size is adapted to; nearer to 1 where
            there are divergences.

    Raises:
        ArgumentError: if a setting is out of range.
    """

    target_accept: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("target_accept", self.target_accept, optional=True)
        if self.target_accept is None or self.target_accept >= 1:
            raise ArgumentError(
                f"target_accept must lie between 0 and 1, got {shown(self.target_accept)}."
            )

    def _chains(
        self,
        backend: Engine,
        pair: Any,
        check: Callable[[Structure], None],
        rows: Arrays,
        rng_seed: int,
    ) -> Chains:
        return backend.nuts(
            pair,
            check,
            rows,
            num_warmup=int(self.num_warmup),
            num_samples=int(self.num_samples),
            num_chains=int(self.num_chains),
            target_accept=float(self.target_accept),
            rng_seed=rng_seed,
        )
