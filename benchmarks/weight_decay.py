"""Programs of rows that Adam with L2 decay trains: digits without latents, and chorales.

    fully_visible    row `fully-visible-mnist`
    made             row `made-1000-1000-mnist`
    deep_markov      row `deep-markov-jsb`

The decay is of the gradient as Adam sees it, g + weight_decay * w for the loss summed over the
minibatch, which optax has as a link of a chain alone. Over all minibatches of N data in batches of
B it is the gradient of (N / B) weight_decay / 2 |w|^2 beside the likelihood's.

A fit that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import optax
from numpy.typing import NDArray

from benchmarks.finished import finished
from benchmarks.semi_supervised import seconds
from inference import fit, log_likelihood
from inference.comparison.metric import Figure
from inference.objectives import ELBO
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


def deep_markov(
    seed: int,
    out: Path,
    *,
    steps_of_piece: int,
    latent_dim: int,
    hidden: tuple[int, ...],
    transition_hidden: int,
    guide_hidden: int,
    weight_decay: float,
    clip: float,
    warmup_steps: int,
    learning_rate: float,
    batch_size: int,
    epochs: int,
) -> Measured:
    """Bach's chorales: the bound, and an importance-weighted likelihood, in nats per step.

    Training takes chorales in pieces, because most are far shorter than the longest, and steps that
    fill up cost as much as others; what is scored are whole ones.

    Args:
        seed: of the weights and of training.
        out: folder of the runs.
        steps_of_piece: the longest piece in training.
        latent_dim: of a state.
        hidden: sizes of the emission.
        transition_hidden: of the transition.
        guide_hidden: of the guide's recurrent unit.
        weight_decay: see the module.
        clip: largest entry of a gradient.
        warmup_steps: over which the divergence's weight rises to 1.
        learning_rate: of Adam, under a cosine schedule.
        batch_size: pieces in a minibatch.
        epochs: of training.
    """
    whole, sizes = load("jsb"), {"latent_dim": latent_dim, "hidden": tuple(hidden)}
    sizes |= {"transition_hidden": transition_hidden, "guide_hidden": guide_hidden}
    x, lengths = whole.arrays("test")
    short, long = (
        create("deep_markov", data_dim=x.shape[2], length=length, seed=seed, **sizes)
        for length in (steps_of_piece, x.shape[1])
    )
    run = fit(
        short,
        load("jsb", length=steps_of_piece),
        objective=ELBO(warmup_steps=warmup_steps),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=functools.partial(decayed_adam, weight_decay=weight_decay, clip=clip),
        schedule="cosine",
        seed=seed,
        out=out
        / f"deep_markov-{latent_dim}-{guide_hidden}-decay{weight_decay}-{epochs}-seed{seed}",
        resume=True,
        progress=False,
    )
    long.set_weights(finished(run).pair.get_weights())
    figures = {}
    for name, count in (("-bound", 1), ("-log_likelihood:num_particles=100", 100)):
        found = -log_likelihood(long, (x, lengths), count, chunk_size=20).per_datum
        figures[name] = _per_step(found, lengths)
    return Measured(figures, seconds(run))


def _per_step(nats: NDArray[np.float64], lengths: NDArray[Any]) -> Figure:
    """sum of nats / sum of lengths, and its standard error, that of a ratio (the delta method).

    A long sequence has more of both: what differs is how far its nats are from the mean's share.
    """
    value = float(nats.sum() / lengths.sum())
    error = np.std(nats - value * lengths, ddof=1) / np.sqrt(len(nats)) / lengths.mean()
    return Figure(value, float(error))


def decayed_adam(
    rate: Any, weight_decay: float, clip: float | None = None
) -> optax.GradientTransformation:
    """Adam on g + weight_decay * w, g with entries of at most `clip`."""
    links = [] if clip is None else [optax.clip(clip)]
    return optax.chain(*links, optax.add_decayed_weights(weight_decay), optax.adam(rate))


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
