"""What samplers of the posterior share: settings that are run on a model and data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.arguments import check_count, check_seed
from inference.data.rows import Arrays
from inference.data.support import check_support
from inference.data.training_data import prepare
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError, ObjectiveError
from inference.pairs import as_pair, explaining, fitted
from inference.posterior.chains import Posterior
from inference.program.chains import Chains
from inference.program.engine import Engine
from inference.program.posterior_scores import check_whole, propose_nothing
from inference.program.structure import Structure


@dataclass(frozen=True)
class Sampler:
    """Markov chains whose law is the posterior of a model's latents.

    Attributes:
        num_warmup: draws of each chain that are dropped.
        num_samples: draws of each chain that are kept, 4 or more.
        num_chains: how many, 2 or more: R-hat compares chains.

    Raises:
        ArgumentError: if a setting is out of range.
    """

    num_warmup: int = 500
    num_samples: int = 500
    num_chains: int = 2

    def __post_init__(self) -> None:
        for name, least in (("num_warmup", 1), ("num_samples", 4), ("num_chains", 2)):
            value = getattr(self, name)
            check_count(name, value, optional=True)
            if value is None or value < least:
                raise ArgumentError(
                    f"{name} must be a whole number of at least {least}, got {shown(value)}; R-hat "
                    "and effective sample size need as many."
                )
            object.__setattr__(self, name, int(value))

    def sample(
        self, pair: Any, data: Any, *, seed: int = 0, engine: str | None = None
    ) -> Posterior:
        """Draw from p(z | data): the model's latents given all of the data at once.

        What is not a latent is held: parameters and networks keep the values that they have in the
        pair. `Posterior.held` names them.

        Args:
            pair: a run, its pair, a `(model, guide)` tuple of functions, or a model by itself. A
                guide is not used.
            data: an array, a tuple or a dictionary of arguments, or a dataset, of which the
                training rows count.
            seed: seed of starting points and moves.
            engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

        Raises:
            ArgumentError: if an argument is out of range, or the sampler is not the engine's.
            DataError: if the model cannot score the data, or they would be drawn afresh.
            ObjectiveError: naming a latent that the sampler cannot move, or a plate that takes a
                part of its rows.
            PairError: if the model fails on the data.
        """
        check_seed(seed)
        inner, _ = as_pair(pair)
        if callable(inner) and not isinstance(inner, type) and not hasattr(inner, "model"):
            pair = (inner, propose_nothing)
        given = fitted(pair, engine=engine)
        pair, backend = given.pair, given.backend
        prepared, what = prepare(pair, data), type(self).__name__
        if prepared.batches is not None:
            raise DataError(
                f"{what} looks at all of the data at once; pass an array or a tuple of arrays in "
                f"place of batches from {type(data).__name__}."
            )
        pair = backend.on_arrays(pair, prepared.form)
        if prepared.binarise:
            raise DataError(
                f"{what} needs data that stay the same, and these are binarised afresh in each "
                "step; load them with binarisation='threshold' or 'static'."
            )

        def check(structure: Structure) -> None:
            structure.check_observed(likelihood=False)
            check_whole(structure, what)
            check_support(structure, prepared.arrays, "data")
            if not structure.latents:
                raise ObjectiveError(
                    f"{what} draws latents, and this model has none. Give what is to be inferred "
                    "a prior, with a sample statement in place of a parameter."
                )

        start = time.perf_counter()
        rng_seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        chains = explaining(
            lambda rows: self._chains(backend, pair, check, rows, rng_seed), prepared.arrays
        )
        return Posterior(
            draws=dict(chains.draws),
            statistics=dict(chains.statistics),
            held=chains.held,
            summed=chains.summed,
            seconds=time.perf_counter() - start,
            sampler=self,
            pair=pair,
            data=prepared.arrays,
            seed=int(seed),
            engine=given.engine,
        )

    def _chains(
        self,
        backend: Engine,
        pair: Any,
        check: Callable[[Structure], None],
        rows: Arrays,
        rng_seed: int,
    ) -> Chains:
        """The chains, on an engine."""
        raise NotImplementedError
