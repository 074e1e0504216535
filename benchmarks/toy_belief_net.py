"""Reweighted wake-sleep against maximum likelihood: `python -m benchmarks.toy_belief_net`.

A sigmoid belief net so small that its evidence is a sum over 64 states is trained on the same
data with the same budget by exact maximum likelihood, by `RWS` on both engines, and by Pyro's own
`ReweightedWakeSleep`, which has one weight per particle for the whole minibatch. How much that
costs depends on the net; `--net 1` and so on draw others in the same way.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from pyro.infer import ReweightedWakeSleep
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from benchmarks.finished import finished
from inference import RWS, Enumerated, fit

HIDDEN, VISIBLE = 6, 12
ROWS = 2_000
STEPS = 3_000
SEEDS = (0, 1, 2)
STATES = np.array(list(itertools.product([0.0, 1.0], repeat=HIDDEN)))
Bare = tuple[Callable[..., None], Callable[..., None]]


def belief_net(engine: str, hidden: int, visible: int, *, seed: int) -> Bare:
    """Model and guide as bare functions, with small random parameters to start from.

    b_n ~ Bernoulli(sigmoid(prior))^hidden,  x_n ~ Bernoulli(sigmoid(W b_n + c))^visible
    guide: b_n ~ Bernoulli(sigmoid(V x_n + d))
    """
    library = importlib.import_module(engine)
    dist = importlib.import_module(f"{engine}.distributions")
    arrays = importlib.import_module({"pyro": "torch", "numpyro": "jax.numpy"}[engine])
    random = np.random.default_rng(seed)
    initial = {
        "prior": np.zeros(hidden, np.float32),
        "weight": 0.1 * random.normal(size=(visible, hidden)).astype(np.float32),
        "bias": np.zeros(visible, np.float32),
        "guide_weight": 0.1 * random.normal(size=(hidden, visible)).astype(np.float32),
        "guide_bias": np.zeros(hidden, np.float32),
    }

    def param(name: str) -> Any:
        return library.param(name, arrays.asarray(initial[name]))

    def model(x: Any) -> None:
        with library.plate("data", len(x)):
            b = library.sample("b", dist.Bernoulli(logits=param("prior")).to_event(1))
            logits = b @ param("weight").T + param("bias")
            library.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x: Any) -> None:
        logits = x @ param("guide_weight").T + param("guide_bias")
        with library.plate("data", len(x)):
            library.sample("b", dist.Bernoulli(logits=logits).to_event(1))

    return model, guide


def truth(*, net: int = 0) -> dict[str, NDArray[np.float64]]:
    """A net to draw data from, by number; its pixels are on half of the time or so."""
    random = np.random.default_rng(net)
    prior = 0.3 * random.normal(size=HIDDEN)
    weight = 5 * random.normal(size=(VISIBLE, HIDDEN))
    return {
        "prior": prior,
        "weight": weight,
        "bias": random.normal(size=VISIBLE) - weight.sum(1) / 2,
    }


def data(split: str, *, net: int = 0) -> NDArray[np.float32]:
    """Rows of a true net, (2000, 12): `"train"` or `"test"`."""
    random, values = np.random.default_rng({"train": 10, "test": 11}[split]), truth(net=net)
    b = random.random((ROWS, HIDDEN)) < expit(values["prior"])
    means = expit(b @ values["weight"].T + values["bias"])
    return (random.random(means.shape) < means).astype(np.float32)


def log_likelihood(parameters: Mapping[str, NDArray[Any]], x: NDArray[Any]) -> float:
    """log p(x) in nats per datum, summed over all states in float64."""
    prior, weight, bias = (
        np.asarray(parameters[name], np.float64) for name in ("prior", "weight", "bias")
    )
    log_prior = _log_bernoulli(STATES, prior)  # (S,)
    log_joint = log_prior + _log_bernoulli(x[:, None], STATES @ weight.T + bias)  # (N, S)
    return float(np.logaddexp.reduce(log_joint, axis=1).mean())


def trained(engine: str, objective: Any, *, seed: int, steps: int = STEPS, net: int = 0) -> float:
    """Exact log-likelihood of test data, per datum, after training under an objective."""
    model, guide = belief_net(engine, HIDDEN, VISIBLE, seed=seed)
    if isinstance(objective, Enumerated):
        guide = _nothing  # so that the model's latents are summed over: maximum likelihood
    run = finished(
        fit(
            (model, guide),
            data("train", net=net),
            objective=objective,
            steps=steps,
            batch_size=50,
            learning_rate=0.01,
            schedule="cosine",
            seed=seed,
            progress=False,
            engine=engine,
        )
    )
    return log_likelihood(run.parameters, data("test", net=net))


def main(steps: int = STEPS, net: int = 0) -> None:
    """Train every way from every seed and print a table."""
    upstream = ReweightedWakeSleep(num_particles=20, vectorize_particles=True, max_plate_nesting=1)
    ways = {
        "Enumerated() (exact)": ("numpyro", Enumerated()),
        "RWS(20)": ("numpyro", RWS(20)),
        "RWS(20) ": ("pyro", RWS(20)),
        "ReweightedWakeSleep(20)": ("pyro", upstream),
    }
    title = f"Test log-likelihood after {steps:,} steps, nats per datum; seeds: less exact training"
    table = Table(title=title)
    table.add_column("trained by", no_wrap=True)
    table.add_column("engine", no_wrap=True)
    for column in ("mean", *(f"seed {seed}" for seed in SEEDS)):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_row(
        "(the true net)", "", f"{log_likelihood(truth(net=net), data('test', net=net)):.3f}"
    )
    exact = None
    for name, (engine, objective) in ways.items():
        scores = np.array([trained(engine, objective, seed=s, steps=steps, net=net) for s in SEEDS])
        exact = scores if exact is None else exact
        differences = (f"{difference:+.3f}" for difference in scores - exact)
        table.add_row(name.strip(), engine, f"{scores.mean():.3f}", *differences)
    Console().print(table)


def _nothing(x: Any) -> None:
    del x


def _log_bernoulli(value: NDArray[Any], logits: NDArray[Any]) -> NDArray[np.float64]:
    return (value * logits - np.logaddexp(0, logits)).sum(-1)


if __name__ == "__main__":
    typer.run(main)
