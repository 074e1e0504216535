"""A classifier of MNIST from few labels that begins as a stack of machines, or at random.

python -m benchmarks.fine_tuning --each 10
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import optax
from numpy.typing import NDArray

from benchmarks.machine_features import SETS, accuracy
from inference import Run, fit, to_classifier
from ppl_models import create
from ppl_models.datasets import load


def machine(x: NDArray[Any], hidden: int, epochs: int) -> Run:
    """A machine that has learnt some rows by persistent chains."""
    pair = create(
        "rbm",
        engine="numpyro",
        data_dim=x.shape[1],
        hidden_dim=hidden,
        data_mean=np.clip(x.mean(0), 0, 1),
        seed=0,
    )
    return fit(
        pair,
        x,
        objective="cd:chains=100",
        epochs=epochs,
        batch_size=100,
        learning_rate=0.001,
        optimizer=optax.sgd,
        schedule="cosine",
        seed=0,
        progress=False,
    )


def taught(pair: Any, x: NDArray[Any], labels: NDArray[Any], steps: int, seed: int) -> Run:
    """The classifier after so many steps of Adam on the labelled images."""
    return fit(
        pair,
        (np.eye(10, dtype=np.float32)[labels], x),
        objective="elbo",
        steps=steps,
        batch_size=100,
        learning_rate=0.001,
        seed=seed,
        progress=False,
    )


def correct(run: Run, test: NDArray[Any], truth: NDArray[Any]) -> float:
    """The share of test images whose likeliest class is theirs."""
    return float((run.sample(len(test), test).argmax(1) == truth).mean())


def main() -> None:
    """Print the accuracy on all test images from both starts, and of a regression on the codes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--each", type=int, default=10, help="labels of each digit")
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    mnist = load("mnist", binarisation="threshold")
    x, labels = mnist.train, mnist.labels["train"]
    test, truth = mnist.test, mnist.labels["test"]
    begun = time.process_time()
    first = machine(x, 500, given.epochs)
    second = machine(first.encode(x), 500, given.epochs)
    print(
        f"{mnist.data_id('test')}; trained in {time.process_time() - begun:.0f} s of processor",
        flush=True,
    )
    codes, seen = (second.encode(first.encode(part, mean=True), mean=True) for part in (x, test))
    told = {"data_dim": 10, "condition_dim": 784, "hidden": (500, 500), "activation": "sigmoid"}
    found = []
    for seed in range(SETS):
        random = np.random.default_rng(seed)
        every = [np.flatnonzero(labels == digit) for digit in range(10)]
        chosen = np.concatenate([random.choice(rows, given.each, replace=False) for rows in every])
        new = create(
            "conditional_network", engine="numpyro", likelihood="categorical", seed=seed, **told
        )
        stacked = to_classifier([first, second], classes=10, seed=seed)
        marks = [
            correct(taught(pair, x[chosen], labels[chosen], given.steps, seed), test, truth)
            for pair in (new, stacked)
        ]
        marks.append(accuracy(codes[chosen], labels[chosen], seen, truth))
        found.append(marks)
        print(f"labels {seed}: {' '.join(f'{mark:.4f}' for mark in marks)}", flush=True)
    means = " ".join(f"{mark:.4f}" for mark in np.mean(found, 0))
    print(f"mean of random start, the machines' start, regression on codes: {means}")
    print(f"{time.process_time() - begun:.0f} s of processor in all")


if __name__ == "__main__":
    main()
