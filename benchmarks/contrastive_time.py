"""A step of persistent contrastive divergence beside a hand-written jax scan of the same.

python -m benchmarks.contrastive_time

Both train a machine of 784 x 500 binary units with 100 chains on the same random rows, by plain
gradient steps; blocks of steps are timed in turn in one process, and the ratio of medians printed.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, random
from jax.nn import sigmoid

from inference import CD
from inference.engines import load_engine
from inference.program.trainer import Settings
from ppl_models import create

VISIBLE, HIDDEN, BATCH, BLOCK, ROUNDS, RATE = 784, 500, 100, 200, 9, 1e-4


def hand_written(data: Any) -> Any:
    """A compiled block of steps: (parameters, chains, key) to the same, later."""

    def step(carry: Any, number: Any) -> tuple[Any, None]:
        (weight, visible, hidden), chains, key = carry
        start = (number * BATCH) % len(data)
        x = lax.dynamic_slice_in_dim(data, start, BATCH)
        key, up, down = random.split(key, 3)
        inputs = chains @ weight + hidden
        h = (random.uniform(up, inputs.shape) < sigmoid(inputs)).astype(x.dtype)
        outputs = h @ weight.T + visible
        chains = (random.uniform(down, outputs.shape) < sigmoid(outputs)).astype(x.dtype)
        on, off = sigmoid(x @ weight + hidden), sigmoid(chains @ weight + hidden)
        weight = weight + RATE * (x.T @ on - chains.T @ off)
        visible = visible + RATE * (x - chains).sum(0)
        hidden = hidden + RATE * (on - off).sum(0)
        return ((weight, visible, hidden), chains, key), None

    @jax.jit
    def block(carry: Any) -> Any:
        return lax.scan(step, carry, jnp.arange(BLOCK))[0]

    return block


def main() -> None:
    """Print the milliseconds of a step on both sides and their ratio."""
    rows = (np.random.default_rng(0).random((5000, VISIBLE)) < 0.2).astype(np.float32)
    pair = create("rbm", engine="numpyro", hidden_dim=HIDDEN, centred=False)
    settings = Settings(
        seed=0, arrays=(rows,), batch_size=BATCH, learning_rate=RATE, optimiser=optax.sgd
    )
    trainer = load_engine("numpyro").Trainer(pair, CD(1, chains=BATCH), settings)
    block = hand_written(jnp.asarray(rows))
    weight = 0.01 * random.normal(random.PRNGKey(0), (VISIBLE, HIDDEN))
    own: Any = (weight, jnp.zeros(VISIBLE), jnp.zeros(HIDDEN))
    carry: Any = (own, jnp.zeros((BATCH, VISIBLE)), random.PRNGKey(1))
    theirs, ours = [], []
    with trainer.running():
        trainer.start((rows[:BATCH],))
        for number in range(ROUNDS + 1):
            begun = time.process_time()
            carry = jax.block_until_ready(block(carry))
            between = time.process_time()
            trainer.run(number * BLOCK, (number + 1) * BLOCK)
            ended = time.process_time()
            if number:  # the first compiles
                theirs.append(between - begun)
                ours.append(ended - between)
    by_hand, by_zoo = (1000 * float(np.median(times)) / BLOCK for times in (theirs, ours))
    ratio = float(np.median(np.array(ours) / np.array(theirs)))
    print(f"by hand {by_hand:.2f} ms, fit {by_zoo:.2f} ms of processor a step; ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
