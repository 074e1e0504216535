"""A picture of annealed importance sampling: how log weights grow over the temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inference.arguments import check_count, check_one_of, check_seed
from inference.data.arrays import as_array
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.figures.pictures import Picture, Run
from inference.pairs import fitted, tempering
from inference.program.energy_conditions import check_ends


def temperatures(
    run: Run,
    *,
    base: str | ArrayLike = "data",
    num_chains: int = 100,
    num_temperatures: int = 1000,
    seed: int = 0,
) -> Picture:
    """The slope of annealed chains' mean log weight over the inverse temperature, up and down.

        (log f_t(v) - log f_{t-1}(v)) / (b_t - b_{t-1})  ~  d/db log Z(b),   integral = log Z / Z_0

    of chains that are led from the base to the model, and of others led from the model's draws to
    the base (`log_partition`, methods `"ais"` and `"reverse"`). Where a curve bends much, more
    temperatures are needed; where the two part, chains do not follow the law that they should, and
    the area between them is by how much the two estimates of log Z differ. A band is one standard
    deviation over the chains.

    Args:
        run: of a model whose density is known up to a constant.
        base: where chains begin, as of `log_partition`.
        num_chains: chains each way.
        num_temperatures: T.
        seed: seed of the chains.

    Raises:
        ArgumentError: if an argument is out of range.
        ObjectiveError: if the model has no density that is known up to a constant, or no base.
    """
    num_chains = check_count("num_chains", num_chains)
    num_temperatures = check_count("num_temperatures", num_temperatures)
    check_seed(seed)
    if isinstance(base, str):
        check_one_of("base", base, ("data", "uniform"))
    elif as_array(base).ndim != 1:
        raise ArgumentError(
            f"base must be 'data', 'uniform' or means of shape (D,), got {shown(base)}."
        )
    given = fitted(run)
    kernel = tempering(given)
    try:
        start = kernel.base_log_partition(base)
    except ObjectiveError:
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None
    betas = np.linspace(0.0, 1.0, num_temperatures + 1)
    middles, width = (betas[1:] + betas[:-1]) / 2, 1 / num_temperatures
    begun = kernel.begin(base, num_chains, seed)
    check_ends(kernel, base, begun)
    up: Any = kernel.increments(begun, base, betas, seed + 1)
    begun, downwards = kernel.draw(num_chains, seed + 2), betas[::-1].copy()
    down: Any = -kernel.increments(begun, base, downwards, seed + 3)[::-1]
    figure = Picture(figsize=(6, 3.5), layout="constrained")
    axes, totals = figure.add_subplot(), []
    for label, found in (("base to model", up), ("model to base", down)):
        mean, spread = found[:, 0] / width, abs(found[:, 1]) / width
        (line,) = axes.plot(middles, mean, label=label)
        axes.fill_between(middles, mean - spread, mean + spread, alpha=0.2, color=line.get_color())
        totals.append(start + found[:, 0].sum())
    axes.set(xlabel="inverse temperature", ylabel="slope of the log weight, nats")
    axes.set_title(f"log Z by the mean slope: {totals[0]:.2f} up, {totals[1]:.2f} down")
    axes.legend()
    return figure
