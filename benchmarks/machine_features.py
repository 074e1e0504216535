"""Logistic regression on the codes of a machine that saw no label, with 100 labels of MNIST.

python -m benchmarks.machine_features --epochs 25
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optax
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV

from inference import fit
from ppl_models import create
from ppl_models.datasets import load

SETS, EACH = 5, 10  # sets of labels, and labels of each digit in a set


def accuracy(
    x: NDArray[Any], labels: NDArray[Any], test: NDArray[Any], truth: NDArray[Any]
) -> float:
    """Of a regression whose penalty is chosen on the labelled images alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        found = LogisticRegressionCV(Cs=10, cv=5, max_iter=500).fit(x, labels)
    return float((found.predict(test) == truth).mean())


def main() -> None:
    """Print the accuracy on all test images from pixels and from codes, for each set of labels."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    mnist = load("mnist", binarisation="threshold")
    x, labels = mnist.train, mnist.labels["train"]
    test, truth = mnist.test, mnist.labels["test"]
    pair = create("rbm", engine="numpyro", hidden_dim=given.hidden, data_mean=x.mean(0), seed=0)
    begun = time.process_time()
    run = fit(
        pair,
        x,
        objective="cd:chains=100",
        epochs=given.epochs,
        batch_size=100,
        learning_rate=0.001,
        optimizer=optax.sgd,
        schedule="cosine",
        seed=0,
        progress=False,
        out=given.out,
        resume=given.out is not None,
    )
    print(f"{mnist.data_id('test')}; trained in {time.process_time() - begun:.0f} s of processor")
    codes, seen = run.encode(x, mean=True), run.encode(test, mean=True)
    found = []
    for seed in range(SETS):
        random = np.random.default_rng(seed)
        every = [np.flatnonzero(labels == digit) for digit in range(10)]
        chosen = np.concatenate([random.choice(rows, EACH, replace=False) for rows in every])
        pixels = accuracy(x[chosen], labels[chosen], test, truth)
        features = accuracy(codes[chosen], labels[chosen], seen, truth)
        found.append((pixels, features))
        print(f"labels {seed}: pixels {pixels:.4f}, codes {features:.4f}", flush=True)
    print("mean: pixels {:.4f}, codes {:.4f}".format(*np.mean(found, 0)))


if __name__ == "__main__":
    main()
