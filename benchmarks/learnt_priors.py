"""The same VAE under a standard normal prior and learnt ones, on static MNIST at equal time.

    PPL_DATA=... python -m benchmarks.learnt_priors --seconds 300

prints the table of `ppl_models/cards/vampprior.md`.
"""

from __future__ import annotations

import argparse

from inference import ELBO, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

PRIORS = (("normal", 1), ("vampprior", 500))
ROWS, PARTICLES = 1000, 500


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    seconds = parser.parse_args().seconds
    data = load("mnist", binarisation="static")
    print("| prior | seconds | steps | test bound | log p(x) by importance sampling |")
    print("|---|---:|---:|---:|---:|")
    for prior, components in PRIORS:
        pair = create(
            "vampprior", engine="numpyro", prior=prior, components=components, latent_dim=40,
            hidden=(300, 300), activation="relu", data_mean=data.train.mean(0), seed=0,
        )  # fmt: skip
        objective = ELBO(warmup_steps=2000)
        run = fit(
            pair, data.train, objective=objective, seconds=seconds, batch_size=100,
            learning_rate=1e-3, seed=0, progress=False,
        )  # fmt: skip
        test = data.test[:ROWS]
        bound = log_likelihood(run, test, num_particles=1)
        score = log_likelihood(run, test, num_particles=PARTICLES)
        print(
            f"| {prior} | {seconds:.0f} | {run.rows[-1]['step']:,} | {bound.mean:.2f} | "
            f"{score.mean:.2f} +- {score.standard_error:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
