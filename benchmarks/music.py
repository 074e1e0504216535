"""Train a model of polyphonic music; exact negative log-likelihood of the test set per step.

python -m benchmarks.music --model rnn_nade --data jsb --epochs 40
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from inference import fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load


def main() -> None:
    """Print what was trained, and the figure; of an RNN-RBM with its constants summed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="rnn_nade")
    parser.add_argument("--data", default="jsb")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=None)
    parser.add_argument("--rate", type=float, default=0.002)
    given = parser.parse_args()
    data = load(given.data)
    x, lengths = data.arrays("test")
    seen, steps = data.arrays("train")
    mean = seen.sum((0, 1)) / steps.sum()
    machine = given.model == "rnn_rbm"
    settings: dict[str, Any] = {"length": x.shape[1], "data_mean": mean}
    if given.hidden is not None:
        settings["hidden_dim"] = given.hidden
    begun = time.process_time()
    run = fit(
        create(given.model, engine="numpyro", **settings),
        data,
        objective="cd:steps=5" if machine else "elbo",
        epochs=given.epochs,
        batch_size=20,
        learning_rate=given.rate,
        clip_norm=50.0,
        patience=None if machine else 10,
        seed=0,
        progress=False,
    )
    seconds, pair = time.process_time() - begun, run.pair
    if machine:
        pair = create(given.model, engine="numpyro", normaliser="exact", **settings)
        pair.set_weights(run.pair.get_weights())
    found = log_likelihood(pair, (x, lengths), 1, chunk_size=5).per_datum
    print(f"{data.data_id('test')}, {given.model}, {seconds:.0f} s of processor")
    print(run.history.dropna(axis=1, how="all").tail(1).to_string(index=False))
    print(f"test: {-found.sum() / lengths.sum():.3f} nats a step")


if __name__ == "__main__":
    main()
