"""Deep exponential families of counts: topics that are known, and chorales as counts of keys.

    python -m benchmarks.layers_of_counts

prints the tables of `ppl_models/cards/deep_exponential_family.md`: total variation of each unit's
weights from the topic that is matched to it, on `load("bars")`; and a bound of log p of test rows
given the posterior of the weights, on the chorales of `load("jsb")` with each key counted over a
piece.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from inference import ELBO, fit
from inference.engines import load_engine
from ppl_models import create
from ppl_models.classical import label_order
from ppl_models.datasets import bars, load

poisson: Any = stats.poisson  # scipy's types are not those of its laws

MANY = 10**6  # rows, beside which what the weights cost is nothing


def trained(x: NDArray[Any], steps: int, batch: int, **settings: Any) -> Any:
    """A pair on NumPyro that was fitted to x."""
    pair = create(
        "deep_exponential_family", engine="numpyro", data_dim=x.shape[1], data_size=len(x),
        **settings,
    )  # fmt: skip
    return fit(
        pair, x, objective=ELBO(), batch_size=batch, steps=steps, learning_rate=0.01, seed=0,
        progress=False,
    ).pair  # fmt: skip


def held_out(
    pair: Any, x: NDArray[Any], model: str = "deep_exponential_family"
) -> tuple[float, float]:
    """E_q(weights) of the bound of log p(x_n | weights), nats per row, and its standard error."""
    settings = {**pair.hyperparameters, "data_size": MANY}
    given = create(model, engine="numpyro", **settings)
    given.set_weights(pair.get_weights())
    _, losses = load_engine("numpyro").gradients(given, ELBO(10), (x,), 20)
    return -losses.mean() / MANY, losses.std(ddof=1) / MANY / len(losses) ** 0.5


def main() -> None:
    """Print both tables."""
    data, true = load("bars"), bars.topics()
    print(
        "| layers | guide | seconds | median total variation | largest |\n|---|---|---:|---:|---:|"
    )
    for layers, guide in (((10,), "log-normal"), ((10,), "gamma"), ((10, 5), "log-normal")):
        start = time.perf_counter()
        pair = trained(data.train, 3000, 100, latent_dims=layers, guide=guide, shape=1.0)
        found = np.exp(pair.get_weights()["levels1"])
        found /= found.sum(1, keepdims=True)
        apart = 0.5 * abs(found[label_order(found, true)] - true).sum(1)
        seconds = f"{time.perf_counter() - start:.0f}"
        print(f"| {layers} | {guide} | {seconds} | {np.median(apart):.3f} | {apart.max():.3f} |")
    chorales = load("jsb")
    train, test = (getattr(chorales, split).sum(1) for split in ("train", "test"))
    print("\n| model | seconds | nats per test row |\n|---|---:|---:|")
    rates = train.mean(0) + 0.01
    print(f"| independent Poisson | | {poisson(rates).logpmf(test).sum(1).mean():.1f} |")
    for layers in ((10,), (10, 5), (30, 10)):
        start = time.perf_counter()
        pair = trained(train, 4000, 50, latent_dims=layers)
        mean, error = held_out(pair, test)
        seconds = f"{time.perf_counter() - start:.0f}"
        print(f"| {layers} | {seconds} | {mean:.1f} +- {error:.1f} |", flush=True)


if __name__ == "__main__":
    main()
