"""Binary sequences of an arc of light that runs around a ring, made by this package.

They are what a nonlinear oscillator of unknown phase and speed looks like through a noisy sensor.
As phase and speed take finitely many values, the process itself can be scored exactly
(`log_likelihood`), which is the best that a model of these data can reach on average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.datasets._dataset import SPLITS, Dataset

LENGTH, PIXELS = 24, 16
_PHASES, _SPEEDS = 32, np.array([-2, -1, 1, 2])
_TURN = 0.1  # probability that the speed is drawn anew before a step
_LIT, _DARK = 0.9, 0.05  # probability of a one in the arc and outside of it
_ARC = 3  # how far in phases a lit pixel may be from the centre of the arc
_SHORTEST = 12
_SIZES = {"train": 4000, "valid": 500, "test": 500}


def load() -> Dataset:
    """Load the sequences: 4,000 train, 500 valid and 500 test rows of 24 steps of 16 pixels.

    The second argument of a pair, `y`, is the number of steps of each sequence, from 12 to 24;
    after them all pixels are zero. The process, for each sequence with T steps:

        phase_1 ~ uniform on 0..31,  speed_1 ~ uniform on -2, -1, 1, 2,  T ~ uniform on 12..24
        speed_t = speed_{t-1} with probability 0.9, otherwise uniform on -2, -1, 1, 2
        phase_t = phase_{t-1} + speed_t modulo 32
        x_td ~ Bernoulli(0.9) where |2 d - phase_t| <= 3 around the ring, else Bernoulli(0.05)

    Every call draws the same sequences.
    """
    drawn = {split: _draw(_SIZES[split], number) for number, split in enumerate(SPLITS)}
    return Dataset(
        name="sequences",
        train=drawn["train"][0],
        valid=drawn["valid"][0],
        test=drawn["test"][0],
        image_shape=(LENGTH, PIXELS),
        binarisation="static",
        y={split: lengths for split, (_, lengths) in drawn.items()},
        variant="lengths",
    )


def log_likelihood(x: ArrayLike, lengths: ArrayLike) -> NDArray[np.float64]:
    """log p(x | lengths) under the process itself, in nats, shape (N,), by the forward algorithm.

    Args:
        x: sequences, shape (N, T, 16), of zeros and ones.
        lengths: the number of steps of each, from 1 to T, shape (N,).
    """
    x, lengths = np.asarray(x, dtype=np.float64), np.asarray(lengths)
    lit = np.log(_means()).T
    dark = np.log1p(-_means()).T
    scores = x @ lit + (1 - x) @ dark  # (N, T, phases)
    weights = np.full((len(x), _PHASES, len(_SPEEDS)), 1 / (_PHASES * len(_SPEEDS)))
    total = np.zeros(len(x))
    for t in range(x.shape[1]):
        if t:
            weights = (1 - _TURN) * weights + _TURN * weights.mean(-1, keepdims=True)
            moved = [np.roll(weights[..., k], speed, axis=1) for k, speed in enumerate(_SPEEDS)]
            weights = np.stack(moved, -1)
        largest = scores[:, t].max(-1)
        weights = weights * np.exp(scores[:, t] - largest[:, None])[..., None]
        norm = weights.sum((1, 2))
        weights = weights / norm[:, None, None]
        total += np.where(t < lengths, np.log(norm) + largest, 0.0)
    return total


def _means() -> NDArray[np.float64]:
    """Probability of a one by phase and pixel, (phases, pixels)."""
    apart = np.abs(2 * np.arange(PIXELS) - np.arange(_PHASES)[:, None])
    apart = np.minimum(apart, _PHASES - apart)
    return np.where(apart <= _ARC, _LIT, _DARK)


def _draw(count: int, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sequences and lengths of one split, from a stream of its own."""
    random = np.random.default_rng((0, number))
    phase, speed = random.integers(_PHASES, size=count), random.choice(_SPEEDS, size=count)
    phases = [phase]
    for _ in range(LENGTH - 1):
        turns = random.random(count) < _TURN
        speed = np.where(turns, random.choice(_SPEEDS, size=count), speed)
        phases.append((phases[-1] + speed) % _PHASES)
    means = _means()[np.stack(phases, 1)]
    lengths = random.integers(_SHORTEST, LENGTH + 1, size=count)
    inside = np.arange(LENGTH) < lengths[:, None]
    x = (random.random(means.shape) < means) & inside[..., None]
    return x.astype(np.float32), lengths
