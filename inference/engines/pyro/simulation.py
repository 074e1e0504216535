"""Rows drawn from a model with all that was drawn on the way, on Pyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.isolation import random_states
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.traces import Run, run
from inference.program.annealing_conditions import check_mean
from inference.program.distributions import says
from inference.program.generators import decoded, mean_of, name_of_data, rows_drawn


def _made(pair: Any, given: tuple[Any, ...], size: int) -> tuple[Run, str | None]:
    """A run of the model that draws rows, and the site that draws the data."""
    args, model = tensors(pair, given), parts(pair)[0]
    made = run(model, (None, *args), size=size)

    def observed(rows: Any) -> list[str]:
        with random_states():
            again = run(model, (rows, *args))
        return [name for name, site in again.sites.items() if site["is_observed"]]

    return made, name_of_data(made.sites, made.returned, observed)


def draw(
    pair: Any, size: int, rng_seed: int, *given: NDArray[Any]
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    """`size` rows from the model: the likelihood's means and the draws of data, given the rest.

    There are no means where that of the data depends on its own draw, or nothing says them.
    """
    with repeatable(pair, rng_seed):
        made, name = _made(pair, given, size)
        if name is None:
            rows = rows_drawn(made.returned, made.computed).cpu().numpy()
            return rows, rows
        x = made.sites[name]
        known = None if says(x["fn"], "sequential") else mean_of(made.returned, x["fn"])
        return None if known is None else known.cpu().numpy(), x["value"].cpu().numpy()


def simulate(
    pair: Any, size: int, rng_seed: int, noise_scale: float | None, *given: NDArray[Any]
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """`size` rows of data from the model, and the values of all its other sites in that draw."""
    with repeatable(pair, rng_seed):
        made, name = _made(pair, given, size)
        mean, values = made.returned, {name: site["value"] for name, site in made.sites.items()}
        if name is None:
            mean = x = rows_drawn(mean, made.computed)
        else:
            x = values.pop(name)
        if noise_scale is not None:
            check_mean(mean, x)
            x = mean + noise_scale * torch.randn_like(mean)
    return x.cpu().numpy(), {name: value.cpu().numpy() for name, value in values.items()}


def decode(
    pair: Any,
    latents: Mapping[str, NDArray[Any]],
    rng_seed: int = 0,
    *given: NDArray[Any],
    size: int,
) -> NDArray[Any]:
    """The likelihood's mean of `size` rows at given latents; of a sequential law a draw."""
    names, values = list(latents), tensors(pair, tuple(latents.values()))
    with repeatable(pair, rng_seed):
        held, args = dict(zip(names, values, strict=True)), (None, *tensors(pair, given))
        made = run(parts(pair)[0], args, values=held, size=size)
        return decoded(made.sites, latents, made.returned, made.computed).cpu().numpy()
