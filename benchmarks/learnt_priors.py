"""The same VAE under a standard normal prior and a learnt one, on static MNIST.

    PPL_DATA=... python -m benchmarks.learnt_priors --steps 20000 --components 200

prints the table of `ppl_models/cards/vampprior.md`.
"""

from __future__ import annotations

import argparse

from inference import ELBO, drawn_rows, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

ROWS, PARTICLES = 1000, 500


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--components", type=int, default=200)
    given = parser.parse_args()
    data = load("mnist", binarisation="static")
    print("| prior | seconds | steps | test bound | log p(x) by importance sampling |")
    print("|---|---:|---:|---:|---:|")
    examples = drawn_rows(data.train, given.components, seed=0)
    for prior, components, begin in (
        ("normal", 1, None),
        ("vampprior", given.components, examples),
    ):
        pair = create(
            "vampprior", engine="numpyro", prior=prior, components=components, examples=begin,
            latent_dim=40, hidden=(300, 300), data_mean=data.train.mean(0), seed=0,
        )  # fmt: skip
        objective = ELBO(warmup_steps=given.steps // 4)
        run = fit(
            pair, data.train, objective=objective, steps=given.steps, batch_size=100,
            learning_rate=1e-3, seed=0, progress=False,
        )  # fmt: skip
        test = drawn_rows(data.test, ROWS, seed=0)  # the file is sorted by class
        bound = log_likelihood(run, test, num_particles=1)
        score = log_likelihood(run, test, num_particles=PARTICLES)
        print(
            f"| {prior}, {components} | {run.rows[-1]['seconds']:.0f} | "
            f"{run.rows[-1]['step']:,} | {bound.mean:.2f} | "
            f"{score.mean:.2f} +- {score.standard_error:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
