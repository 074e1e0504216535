"""`log_likelihood` against a loop written by hand in jax: `python -m benchmarks.likelihood_speed`.

Both score the same VAE (784-200-200-50, tanh) with as many draws of its guide for as many images,
in one process and in turn; what is compared is the processor's time, which other work on the
machine changes least, beside the clock's. The loop by hand is tried with several sizes of what it
decodes at once, and the fastest counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from jax import Array, lax, random
from numpy.typing import NDArray

from inference import log_likelihood
from ppl_models import create

AT_ONCE = (1_000, 4_000, 10_000)  # draws times images that the loop decodes at once
IMAGES = 20  # of a compiled call by hand


def by_hand(
    weights: dict[str, Array], x: NDArray[Any], num_particles: int, at_once: int
) -> NDArray[Any]:
    """The importance-weighted estimate for each image, as a jax expert would write it."""
    draws = max(1, at_once // IMAGES)
    sets = -(-num_particles // draws)

    def network(name: str, h: Array) -> Array:
        for layer in range(3):
            prefix = f"{name}.layers.{layer}"
            h = h @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]
            h = jnp.tanh(h) if layer < 2 else h
        return h

    @jax.jit
    def score(key: Array, batch: Array) -> Array:
        mean, log_scale = jnp.split(network("encoder", batch), 2, axis=-1)

        def more(total: Array, key: Array) -> tuple[Array, None]:
            noise = random.normal(key, (draws, *mean.shape))
            z = mean + jnp.exp(log_scale) * noise
            logits = network("decoder", z)
            log_w = (batch * logits - jax.nn.softplus(logits)).sum(-1)
            log_w += (log_scale + 0.5 * noise**2 - 0.5 * z**2).sum(-1)
            return jnp.logaddexp(total, jax.nn.logsumexp(log_w, axis=0)), None

        start = jnp.full(len(batch), -jnp.inf)
        return lax.scan(more, start, random.split(key, sets))[0] - math.log(draws * sets)

    keys = random.split(random.PRNGKey(0), -(-len(x) // IMAGES))
    parts = [x[start : start + IMAGES] for start in range(0, len(x), IMAGES)]
    return np.concatenate(
        [np.asarray(score(key, part)) for key, part in zip(keys, parts, strict=True)]
    )


def timed(run: Callable[[], Any]) -> tuple[float, float, float]:
    """Seconds of the processor and of the clock, and the mean of what came of it."""
    cpu, clock = time.process_time(), time.perf_counter()
    found = run()
    spent = time.process_time() - cpu, time.perf_counter() - clock
    return *spent, float(np.mean(getattr(found, "per_datum", found)))


def main(
    images: int = 1_000,
    particles: int = 5_000,
    repeats: Annotated[int, typer.Option(help="Of each; the least time counts.")] = 3,
    pretrained: Annotated[str | None, typer.Option(help="Weights of the VAE.")] = None,
) -> None:
    """Print seconds and ratio, compilation included, as whoever scores once has it."""
    pair = create("vae", seed=0, pretrained=pretrained)
    weights = {name: jnp.asarray(value) for name, value in pair.get_weights().items()}
    x = (np.random.default_rng(0).random((images, 784)) < 0.3).astype(np.float32)
    ways: dict[str, Callable[[], Any]] = {
        f"by hand, {at_once:,} at once": lambda at_once=at_once: by_hand(
            weights, x, particles, at_once
        )
        for at_once in AT_ONCE
    }
    ways["log_likelihood"] = lambda: log_likelihood(pair, x, particles)
    found = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            found[name].append(timed(run))
    least = {name: min(times) for name, times in found.items()}
    for name, (cpu, clock, mean) in least.items():
        print(f"{name}: {cpu:.2f} s of the processor, {clock:.2f} s by the clock, mean {mean:.2f}")
    ours, best = least.pop("log_likelihood"), min(least.values())
    print(f"{images:,} images, {particles:,} draws: {ours[0] / best[0]:.2f} times the best by hand")


if __name__ == "__main__":
    typer.run(main)
