"""The eight schools: SVI of two guides against NUTS, entry by entry.

    python -m benchmarks.eight_schools

prints the table of `ppl_models/cards/random_effects.md`: means and standard deviations of mean,
scale and the schools' effects, their differences in standard deviations, and in brackets the Monte
Carlo error of the difference.
"""

from __future__ import annotations

import time
from typing import Any

from inference import ELBO, NUTS, fit, posterior_error
from ppl_models import create
from ppl_models.datasets import load


def main() -> None:
    """Print the table."""
    data = load("eight_schools")
    batch = (data.train, data.y["train"])
    chains = NUTS(num_warmup=1000, num_samples=2500, target_accept=0.95)
    reference = chains.sample(create("random_effects", engine="numpyro"), batch, seed=0)
    print(f"{reference}\n")
    print("| guide | seconds | site | mean error | log sd ratio |\n|---|---:|---|---:|---:|")
    for guide in ("structured", "mean-field"):
        pair, start = create("random_effects", engine="numpyro", guide=guide), time.perf_counter()
        run = fit(
            pair, batch, objective=ELBO(10), steps=3000, learning_rate=0.02, seed=0, progress=False
        )
        seconds = time.perf_counter() - start
        table: Any = posterior_error(run, reference, batch, num_draws=4000, seed=0).table
        for (site, entry), row in table.iterrows():
            named = site if entry == "()" else f"{site}{entry}"
            print(
                f"| {guide} | {seconds:.0f} | `{named}` | {row['mean_error']:.3f} "
                f"({row['mean_noise']:.3f}) | {row['log_sd_ratio']:.3f} "
                f"({row['log_sd_noise']:.3f}) |"
            )


if __name__ == "__main__":
    main()
