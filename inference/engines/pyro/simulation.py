"""Rows drawn from a model with all that was drawn on the way, on Pyro."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.traces import run
from inference.program.annealing_conditions import check_mean
from inference.program.generators import rows_drawn


def simulate(
    pair: Any, size: int, rng_seed: int, noise_scale: float | None, *given: NDArray[Any]
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """`size` rows x drawn from the model, and the values of all its other sites in that draw."""
    with repeatable(pair, rng_seed):
        made = run(parts(pair)[0], (None, *tensors(pair, given)), size=size)
        mean, values = made.returned, {name: site["value"] for name, site in made.sites.items()}
        if noise_scale is not None and "x" not in values:
            mean = values["x"] = rows_drawn(mean, made.computed)
        x = values.pop("x")
        if noise_scale is not None:
            check_mean(mean, x)
            x = mean + noise_scale * torch.randn_like(mean)
    return x.cpu().numpy(), {name: value.cpu().numpy() for name, value in values.items()}
