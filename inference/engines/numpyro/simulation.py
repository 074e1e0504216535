"""Rows drawn from a model with all that was drawn on the way, on NumPyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import random
from numpy.typing import NDArray

from inference.engines.numpyro.pairs import evaluating, parts
from inference.engines.numpyro.traces import Run, run
from inference.program.annealing_conditions import check_mean
from inference.program.distributions import says
from inference.program.generators import decoded, mean_of, name_of_data, rows_drawn


def _made(pair: Any, key: Any, given: tuple[Any, ...], size: int) -> tuple[Run, str | None]:
    """A run of the model that draws rows, and the site that draws the data."""
    args, model = tuple(map(jnp.asarray, given)), parts(pair)[0]
    with evaluating(pair):
        made = run(model, key, (None, *args), size=size)

        def observed(rows: Any) -> list[str]:
            again = run(model, key, (jnp.asarray(rows), *args))
            return [name for name, site in again.sites.items() if site["is_observed"]]

        return made, name_of_data(made.sites, made.returned, observed)


def draw(
    pair: Any, size: int, rng_seed: int, *given: NDArray[Any]
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    """`size` rows from the model: the likelihood's means and the draws of data, given the rest.

    There are no means where that of the data depends on its own draw, or nothing says them.
    """
    made, name = _made(pair, random.PRNGKey(rng_seed), given, size)
    if name is None:
        rows = np.asarray(rows_drawn(made.returned, made.computed))
        return rows, rows
    x = made.sites[name]
    known = None if says(x["fn"], "sequential") else mean_of(made.returned, x["fn"])
    return None if known is None else np.asarray(known), np.asarray(x["value"])


def simulate(
    pair: Any, size: int, rng_seed: int, noise_scale: float | None, *given: NDArray[Any]
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """`size` rows of data from the model, and the values of all its other sites in that draw."""
    model_key, noise_key = random.split(random.PRNGKey(rng_seed))
    made, name = _made(pair, model_key, given, size)
    mean, values = made.returned, {n: np.asarray(s["value"]) for n, s in made.sites.items()}
    if name is None:
        mean = x = np.asarray(rows_drawn(mean, made.computed))
    else:
        x = values.pop(name)
    if noise_scale is not None:
        check_mean(mean, x)
        x = np.asarray(mean + noise_scale * random.normal(noise_key, x.shape))
    return x, values


def decode(
    pair: Any,
    latents: Mapping[str, NDArray[Any]],
    rng_seed: int = 0,
    *given: NDArray[Any],
    size: int,
) -> NDArray[Any]:
    """The likelihood's mean of `size` rows at given latents; of a sequential law a draw."""
    values: dict[str, Any] = {name: jnp.asarray(value) for name, value in latents.items()}
    key, args = random.PRNGKey(rng_seed), (None, *map(jnp.asarray, given))
    with evaluating(pair):
        made = run(parts(pair)[0], key, args, values=values, size=size)
        return np.asarray(decoded(made.sites, latents, made.returned, made.computed))
