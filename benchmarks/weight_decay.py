"""Programs of the rows `fully-visible-mnist` and `made-1000-1000-mnist`: Adam with L2 decay.

The decay is of the gradient as Adam sees it, g + weight_decay * w for the loss summed over the
minibatch, which optax has as a link of a chain alone. Over all minibatches of N data in batches of
B it is the gradient of (N / B) weight_decay / 2 |w|^2 beside the likelihood's.

A fit that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import optax

from benchmarks.finished import finished
from benchmarks.semi_supervised import seconds
from inference import fit, log_likelihood
from inference.comparison.metric import Figure
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import load


def fully_visible(seed: int, out: Path, **training: Any) -> Measured:
    """The linear net of binarised digits; exact negative log-likelihood.

    Args:
        seed: of the order of minibatches.
        out: folder of the runs.
        training: of `_digits`.
    """
    return _digits("fully_visible", {}, seed, out, **training)


def made(
    seed: int, out: Path, *, hidden: tuple[int, ...], masks: int, direct: bool, **training: Any
) -> Measured:
    """Masked networks of binarised digits, a step of one of them; the mean of all scores.

    Args:
        seed: of the weights, the masks and training.
        out: folder of the runs.
        hidden: sizes of the hidden layers.
        masks: how many sets of masks share the weights.
        direct: whether inputs are joined to outputs, too.
        training: of `_digits`.
    """
    options = {"hidden": tuple(hidden), "masks": masks, "direct": direct, "training": "one"}
    return _digits("made", options, seed, out, **training)


def decayed_adam(rate: Any, weight_decay: float) -> optax.GradientTransformation:
    """Adam on g + weight_decay * w."""
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.adam(rate))


def _digits(
    model: str,
    options: dict[str, Any],
    seed: int,
    out: Path,
    *,
    weight_decay: float,
    learning_rate: float,
    batch_size: int,
    epochs: int,
) -> Measured:
    """Train under a cosine schedule on the fixed binarisation, and score all test images."""
    data = load("mnist", binarisation="static")
    pair = create(model, engine="numpyro", data_mean=data.data_mean, seed=seed, **options)
    run = fit(
        pair,
        data,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=functools.partial(decayed_adam, weight_decay=weight_decay),
        schedule="cosine",
        seed=seed,
        out=out / f"{model}-decay{weight_decay}-rate{learning_rate}-{epochs}-seed{seed}",
        resume=True,
        progress=False,
    )
    found = log_likelihood(finished(run).pair, data.test, num_particles=1)
    return Measured({"-exact": Figure(-found.mean, found.standard_error)}, seconds(run))
