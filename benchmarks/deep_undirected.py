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

from inference import fit, log_likelihood, stack, turn_over
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
    parser.add_argument("--out", type=Path, help="folder; what is there already goes on")
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
            out=given.out / f"{stage}-{given.hidden[stage % 2]}" if given.out else None,
            resume=given.out is not None,
        )

    x, (below, above) = mnist.train, given.hidden
    pair = create("rbm", engine="numpyro", hidden_dim=below, data_mean=x.mean(0), seed=0)
    lower = train(pair, x, 0, "cd:chains=100")
    told(f"machine 784-{below}")
    codes = lower.encode(x)
    pair = turn_over(lower, hidden_dim=above, data_mean=codes.mean(0))
    upper = train(pair, codes, 1, "cd:chains=100")
    told(f"machine {below}-{above}")
    more = {"sweeps": given.sweeps} if given.kind == "dbm" else {}
    run: Any = stack([lower, upper], kind=given.kind, **more)
    if given.epochs[2]:
        run = train(
            run, mnist.train, 2, "updown:chains=100" if given.kind == "dbn" else "cd:chains=100"
        )
        told("together")
    settings: Any = {"num_chains": 100, "num_temperatures": given.temperatures}
    told(f"{mnist.data_id('test')}: {log_likelihood(run, mnist.test, 1, method='ais', **settings)}")
    some = mnist.test[::100]
    told(f"100 images: {log_likelihood(run, some, 200, method='ais', **settings)}")


if __name__ == "__main__":
    main()
