"""Documents of a topic model whose topics are the bars of a square (Griffiths & Steyvers 2004)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models.datasets._binarisation import check_seed
from ppl_models.datasets._dataset import Dataset
from ppl_models.networks.arguments import check_positive, check_size

SIDE = 5
_SIZES = {"train": 1000, "valid": 200, "test": 200}


def topics() -> NDArray[np.float64]:
    """The ten topics, (10, 25): equal probability on a row of the square, or on a column."""
    square = np.zeros((2 * SIDE, SIDE, SIDE))
    for n in range(SIDE):
        square[n, n, :] = square[SIDE + n, :, n] = 1 / SIDE
    return square.reshape(2 * SIDE, SIDE * SIDE)


def load(*, words: int = 100, concentration: float = 1.0, seed: int = 0) -> Dataset:
    """Load the documents: 1,000 train, 200 valid and 200 test rows of 25 counts.

        theta ~ Dirichlet(concentration, ..., concentration)         of 10 topics
        x ~ Multinomial(words, theta topics)

    As Griffiths & Steyvers (2004, PNAS 101). `ppl_models.datasets.bars.topics()` are the topics.

    Args:
        words: of each document.
        concentration: of the prior of a document's topics.
        seed: seed of the draws.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_size("words", words)
    check_positive("concentration", concentration)
    true, rows = topics(), {}
    for number, (split, size) in enumerate(_SIZES.items()):
        random = np.random.default_rng((check_seed(seed), number))
        theta = random.dirichlet(np.full(len(true), float(concentration)), size)
        rows[split] = _counted(random, words, theta @ true)
    return Dataset(
        name="bars",
        **rows,
        image_shape=(SIDE, SIDE),
        binarisation="real",
        seed=seed,
        variant=f"words={words},concentration={concentration:g}",
    )


def _counted(
    random: np.random.Generator, words: int, probabilities: NDArray[Any]
) -> NDArray[np.float32]:
    # A sum of floats may be above one by rounding, which numpy refuses.
    shares = probabilities / probabilities.sum(1, keepdims=True) * (1 - 1e-12)
    return random.multinomial(words, shares).astype(np.float32)
