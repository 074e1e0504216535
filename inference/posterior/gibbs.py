"""The Gibbs sampler, as settings that are run on a model and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inference.data.rows import Arrays
from inference.posterior.sampler import Sampler
from inference.program.chains import Chains
from inference.program.engine import Engine
from inference.program.structure import Structure


@dataclass(frozen=True)
class Gibbs(Sampler):
    """Gibbs sampling of discrete latents (Geman & Geman 1984), on both engines.

    A draw is a sweep: one entry z_i of each latent after another is drawn given all others and
    the data, from

        p(z_i = s | z_-i, x) = f(x, z_-i, s) / sum_s' f(x, z_-i, s')

    with f the model's joint density at each of the entry's states. A constant cancels, so that
    latents with a prior that is known up to one are drawn as well. Latents of different data are
    independent of each other given what all data share, and are drawn at once; a sweep costs as
    many passes of the model as a datum's latents, and those that data share, have entries.

    Every latent must be discrete with at most 256 states an entry. Chains begin at draws from the
    prior. Latents of which one determines the other cannot be moved one at a time: R-hat then shows
    chains that stay apart. A repr of the result, its R-hat and its effective sample size are those
    of `NUTS`.

    Attributes:
        num_warmup: sweeps of each chain that are dropped.
        num_samples: sweeps of each chain that are kept, 4 or more.
        num_chains: how many, 2 or more: R-hat compares chains.

    Raises:
        ArgumentError: if a setting is out of range.
    """

    def _chains(
        self,
        backend: Engine,
        pair: Any,
        check: Callable[[Structure], None],
        rows: Arrays,
        rng_seed: int,
    ) -> Chains:
        return backend.gibbs(
            pair,
            check,
            rows,
            num_warmup=int(self.num_warmup),
            num_samples=int(self.num_samples),
            num_chains=int(self.num_chains),
            rng_seed=rng_seed,
        )
