"""Train a restricted Boltzmann machine on fixed-binarised MNIST; its likelihood by four methods.

python -m benchmarks.undirected --hidden 500 --objective cd:chains=100 --epochs 40 --rate 0.001
python -m benchmarks.undirected --hidden 20 --objective cd --epochs 30 --rate 0.0005
"""

from __future__ import annotations

import argparse
import time

import optax

from inference import fit, log_likelihood, log_partition
from ppl_models import create
from ppl_models.datasets import load

_SUMMED = 20  # hidden units whose constant is summed
_APART = 250  # every so many test images are scored by RAISE, which runs chains for each


def main() -> None:
    """Print what was trained, then each estimate with the processor's seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--objective", default="cd:chains=100")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--temperatures", type=int, default=20_000)
    given = parser.parse_args()
    mnist = load("mnist", binarisation="static")
    pair = create(
        "rbm", engine="numpyro", hidden_dim=given.hidden, data_mean=mnist.train.mean(0), seed=0
    )
    begun = time.process_time()
    run = fit(
        pair,
        mnist.train,
        objective=given.objective,
        epochs=given.epochs,
        batch_size=100,
        learning_rate=given.rate,
        optimizer=optax.sgd,
        schedule="cosine",
        seed=0,
        progress=False,
    )
    print(f"{mnist.data_id('test')}; trained in {time.process_time() - begun:.0f} s of processor")
    settings = {"num_chains": 100, "num_temperatures": given.temperatures}
    if given.hidden <= _SUMMED:
        print(log_partition(run, "exact"))
        print("all test images:", log_likelihood(run, mnist.test, method="exact"))
    constant = log_partition(run, "ais", **settings)
    print(constant, f"effective sample size {constant.effective_sample_size:.1f}")
    print("all test images:", log_likelihood(run, mnist.test, method="ais", **settings))
    some = mnist.test[::_APART]
    print(f"{len(some)} images:", log_likelihood(run, some, method="ais", **settings))
    below = log_likelihood(
        run, some, method="raise", num_chains=3, num_temperatures=given.temperatures
    )
    print(f"{len(some)} images:", below)


if __name__ == "__main__":
    main()
