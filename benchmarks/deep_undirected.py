"""Train a deep belief net or a deep Boltzmann machine on fixed-binarised MNIST, layer by layer.

python -m benchmarks.deep_undirected --kind dbn --hidden 500 2000 --epochs 20 12 4
python -m benchmarks.deep_undirected --kind dbm --hidden 500 1000 --epochs 12 8 6
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import optax

from inference import fit, log_likelihood, log_partition, stack
from ppl_models import create
from ppl_models.datasets import load


def main() -> None:
    """Print the bound of all test images, and the processor's seconds of each stage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=("dbn", "dbm"), default="dbn")
    parser.add_argument("--hidden", type=int, nargs=2, default=(500, 2000))
    parser.add_argument("--epochs", type=int, nargs=3, default=(20, 12, 4))
    parser.add_argument("--rates", type=float, nargs=3, default=(0.001, 0.001, 0.0002))
    parser.add_argument("--temperatures", type=int, default=10_000)
    parser.add_argument("--sweeps", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    mnist = load("mnist", binarisation="static")
    begun = time.process_time()

    def told(text: Any) -> None:
        print(f"{time.process_time() - begun:6.0f} s  {text}", flush=True)

    def train(pair: Any, x: Any, stage: int, objective: str) -> Any:
        return fit(
            pair,
            x,
            objective=objective,
            epochs=given.epochs[stage],
            batch_size=100,
            learning_rate=given.rates[stage],
            optimizer=optax.sgd,
            schedule="cosine",
            seed=0,
            progress=False,
            out=given.out / f"{given.kind}-{stage}" if given.out else None,
        )

    def machine(x: Any, hidden: int, stage: int) -> Any:
        pair = create(
            "rbm",
            engine="numpyro",
            data_dim=x.shape[1],
            hidden_dim=hidden,
            data_mean=x.mean(0),
            seed=0,
        )
        run = train(pair, x, stage, "cd:chains=100")
        told(f"machine {x.shape[1]}-{hidden}")
        return run

    lower = machine(mnist.train, given.hidden[0], 0)
    upper = machine(lower.encode(mnist.train), given.hidden[1], 1)
    more = {"sweeps": given.sweeps} if given.kind == "dbm" else {}
    run: Any = stack([lower, upper], kind=given.kind, **more)
    if given.epochs[2]:
        run = train(
            run, mnist.train, 2, "updown:chains=100" if given.kind == "dbn" else "cd:chains=100"
        )
        told("together")
    settings: Any = {"num_chains": 100, "num_temperatures": given.temperatures}
    constant = log_partition(run, "ais", **settings)
    told(f"{constant}, effective sample size {constant.effective_sample_size:.1f}")
    told(f"{mnist.data_id('test')}: {log_likelihood(run, mnist.test, 1, method='ais', **settings)}")
    some = mnist.test[::100]
    told(f"100 images: {log_likelihood(run, some, 1, method='ais', **settings)}")
    told(f"100 images: {log_likelihood(run, some, 200, method='ais', **settings)}")


if __name__ == "__main__":
    main()
