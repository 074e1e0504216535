"""Train a denoising auto-encoder or a GSN on MNIST; Parzen's log-likelihood of its chain.

python -m benchmarks.denoising_chain --model denoising_autoencoder --walkback 0 --epochs 12
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from inference import fit, parzen_log_likelihood
from ppl_models import create
from ppl_models.datasets import load


def main() -> None:
    """Print the reconstruction of validation data and Parzen's figure of 10,000 chains' ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="denoising_autoencoder")
    parser.add_argument("--hidden", type=int, nargs="+", help="sizes; 1000, of a gsn 500 500")
    parser.add_argument("--walkback", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--burn-in", type=int, default=200)
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    mnist, grey = (load("mnist", binarisation=kind) for kind in ("threshold", None))
    layers = given.hidden or ((500, 500) if given.model == "gsn" else (1000,))
    pair = create(
        given.model,
        engine="numpyro",
        data_mean=mnist.train.mean(0),
        burn_in=given.burn_in,
        **{"hidden_dims" if given.model == "gsn" else "hidden": layers},
    )
    begun = time.process_time()
    run = fit(
        pair,
        mnist,
        objective=f"denoising:walkback={given.walkback}",
        epochs=given.epochs,
        batch_size=100,
        learning_rate=given.rate,
        schedule="cosine",
        seed=0,
        progress=False,
        out=given.out,
    )
    seconds = time.process_time() - begun
    samples = run.sample(10_000, seed=1)
    found = parzen_log_likelihood(samples, grey.valid[:1000], grey.test)
    print(f"{mnist.data_id('test')}, {given.model}, walkback {given.walkback}: {seconds:.0f} s")
    print(run.history.dropna(axis=1, how="all").tail(1).to_string(index=False))
    print(f"Parzen, {grey.data_id('test')}:", found)


if __name__ == "__main__":
    main()
