"""Rows drawn from a model with all that was drawn on the way, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import random
from numpy.typing import NDArray

from inference.engines.numpyro.pairs import evaluating, parts
from inference.engines.numpyro.traces import run
from inference.program.annealing_conditions import check_mean
from inference.program.generators import rows_drawn


def simulate(
    pair: Any, size: int, rng_seed: int, noise_scale: float | None, *given: NDArray[Any]
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """`size` rows x drawn from the model, and the values of all its other sites in that draw."""
    model_key, noise_key = random.split(random.PRNGKey(rng_seed))
    args = (None, *map(jnp.asarray, given))
    with evaluating(pair):
        made = run(parts(pair)[0], model_key, args, size=size)
    mean, values = made.returned, {n: np.asarray(s["value"]) for n, s in made.sites.items()}
    if noise_scale is not None and "x" not in values:
        mean = values["x"] = rows_drawn(mean, made.computed)
    x = values.pop("x")
    if noise_scale is not None:
        check_mean(mean, x)
        x = np.asarray(mean + noise_scale * random.normal(noise_key, x.shape))
    return x, values
