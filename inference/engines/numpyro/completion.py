"""Rows of a sequential site with some of their entries held, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import random
from numpy.typing import NDArray

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.pairs import evaluating, parts
from inference.engines.numpyro.sequential import completed
from inference.engines.numpyro.traces import run
from inference.program.completion import Completed, law_to_complete
from inference.program.distributions import parts_of, ranks_of


def complete(
    pair: Any,
    batch: tuple[NDArray[Any], ...],
    held: NDArray[np.bool_],
    temperature: float,
    num_particles: int,
    rng_seed: int,
) -> Completed:
    """Draw the entries of x that are not held; see `inference.program.completion.Completed`.

    Args:
        pair: the pair.
        batch: what the model takes, x first.
        held: which entries of x stay, of its shape.
        temperature: of the conditionals.
        num_particles: K.
        rng_seed: seed.
    """

    def drawn(key: Any, held: Any, *batch: Any) -> Any:
        law = law_to_complete(run(parts(pair)[0], random.PRNGKey(rng_seed), batch).sites)
        values = jnp.asarray(batch[0], jnp.result_type(float))
        many = jnp.broadcast_to(values, (num_particles, *values.shape))
        found = completed(law, key, many, jnp.broadcast_to(held, many.shape), temperature)
        return *found, ranks_of(parts_of(law)[0]), len(parts_of(law))

    with evaluating(pair):
        key = random.fold_in(random.PRNGKey(rng_seed), 1)
        return Completed(*map(np.asarray, Compiled(drawn)(key, held, *batch)))
