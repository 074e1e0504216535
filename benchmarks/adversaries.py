"""Programs of the rows `labels-100-critic`, `domains-*`, `cycle-digits`, `lapgan-*` and `dcgan-*`.

    few_labels     a critic that classifies MNIST from 100 labels, `SemiSupervisedAdversarial`
    domains        digits with labels, and inverted or noisy ones without, `DomainAdversarial`
    cycle          digits, and others turned by a right angle, `CycleConsistent`
    pyramid        MNIST at 7, 14 and 28 pixels, a level of `lapgan` after the other
    convolutions   MNIST by `conv_generator` against a critic of convolutions (Pyro)

A fit that was stopped goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.finished import finished
from benchmarks.semi_supervised import Task, seconds
from inference import DigitFeatures, Run, Unpaired, classify, fit
from inference.comparison.metric import Figure
from inference.engines import load_engine
from inference.objectives import (
    Adversarial,
    CycleConsistent,
    DomainAdversarial,
    SemiSupervisedAdversarial,
)
from inference.published.reproduce import Measured
from inference.samples.classifier_score import classifier_score
from inference.samples.feature_distances import frechet_distance, kernel_distance
from inference.samples.precision_recall import precision_recall
from ppl_models import create
from ppl_models.datasets import load

SAMPLES = 10_000  # images that are compared with the test images
CHANGES = {"inverted": (-1.0, 0.2), "noisy": (1.0, 0.5)}
"""The sign of grey values about the middle grey, and the standard deviation of noise on them."""
HALF = 700  # of the digits that are turned; the others stay


def few_labels(
    seed: int,
    out: Path,
    *,
    labels: int,
    steps: int,
    hidden: tuple[int, ...],
    noise: float,
    dropout: float,
) -> Measured:
    """Test error on MNIST of a critic that has seen so many labels.

    Args:
        seed: of the choice of labels and of training.
        out: folder of the runs.
        labels: how many, equally many of each class.
        steps: of critic and generator together.
        hidden: sizes of the critic.
        noise: standard deviation of the noise on data and draws.
        dropout: share of the critic's hidden units that are left out.
    """
    work = Task.load(labels, seed, images=50_000)
    pair = create(
        "mlp_generator",
        latent_dim=100,
        hidden=(300, 300),
        normalise="batch",
        likelihood="gaussian",
        output="sigmoid",
        data_mean=work.train.mean(0),
        seed=seed,
    )
    run = _fit(
        pair,
        work.mixed(work.repeats),
        SemiSupervisedAdversarial(hidden=tuple(hidden), instance_noise=noise, dropout=dropout),
        out / f"few_labels-{labels}-{dropout}-{steps}-seed{seed}",
        seed=seed,
        steps=steps,
        learning_rate=1e-3,
        optimizer="adam:b1=0.5",
        schedule="cosine",
    )
    error = work.error(classify(run, work.test).argmax(1))
    return Measured({"classification_error": Figure(error)}, seconds(run))


def domain_classifier(columns: int) -> dict[str, Any]:
    """Options of the `conditional_network` that tells the classes of digits of so many pixels."""
    return {
        "data_dim": 10,
        "condition_dim": columns,
        "hidden": (100,),
        "likelihood": "categorical",
    }


def domains(seed: int, out: Path, *, target: str, weight: float, steps: int) -> Measured:
    """Test error on changed digits of a classifier that has seen labels of plain ones.

    Args:
        seed: of the noise and of training.
        out: folder of the runs.
        target: one of `CHANGES`.
        weight: of the critic of domains; 0 is the classifier trained on plain digits alone.
        steps: of training.
    """
    data, random = load("digits", binarisation=None), np.random.default_rng(seed)

    def changed(x: NDArray[Any]) -> NDArray[Any]:
        sign, noise = CHANGES[target]
        grey = 0.5 + sign * (x - 0.5) + noise * random.normal(size=x.shape)
        return np.clip(grey, 0, 1).astype(np.float32)

    source, other, test = data.train, changed(data.train), changed(data.test)
    known = np.eye(10, dtype=np.float32)[data.labels["train"]]
    pair = create("conditional_network", **domain_classifier(source.shape[1]), seed=seed)
    run = _fit(
        pair,
        (
            np.concatenate([known, 0 * known]),
            np.concatenate([source, other]),
            np.repeat([0, 1], len(source)),
        ),
        DomainAdversarial(weight=weight, warmup_steps=steps // 2),
        out / f"domains-{target}-{weight}-seed{seed}",
        seed=seed,
        steps=steps,
        learning_rate=1e-3,
        schedule="cosine",
    )
    guess = run.sample(len(test), test, mean=True).argmax(1)
    error = 100 * float((guess != data.labels["test"]).mean())
    return Measured({"classification_error": Figure(error)}, seconds(run))


def cycle(seed: int, out: Path, *, steps: int, weight: float) -> Measured:
    """Per cent of test digits whose label is another once they are turned by the learnt map.

    What a turned digit shows is said by a classifier that has seen turned digits with labels.

    Args:
        seed: of training.
        out: folder of the runs.
        steps: of critics and maps together.
        weight: of the cycles.
    """
    data = load("digits", binarisation=None)
    plain, others = data.train[HALF:], turned(data.train[:HALF])
    pair = create("cycle_gan", data_dim=64, other_dim=64, hidden=(), seed=seed)
    run = _fit(
        pair,
        Unpaired(plain, others),
        CycleConsistent(cycle=weight, hidden=(128, 128)),
        out / f"cycle-{weight}-seed{seed}",
        seed=seed,
        steps=steps,
        learning_rate=1e-3,
        optimizer="adam:b1=0.5",
        average_decay=0.99,
    )
    knows = LogisticRegression(max_iter=2_000).fit(turned(data.train), data.labels["train"])
    guess = knows.predict(run.latents(data.test)["y"])
    error = 100 * float((guess != data.labels["test"]).mean())
    return Measured({"classification_error": Figure(error)}, seconds(run))


def pyramid(seed: int, out: Path, *, steps: int) -> Measured:
    """Distances of a pyramid's images from the test images, its levels trained one by one.

    Args:
        seed: of the weights, training and draws.
        out: folder of the runs.
        steps: of critic and generator together, at each of three levels.
    """
    data, spent = load("mnist", binarisation=None), 0.0
    pair: Any = create("lapgan", levels=3, latent_dim=50, hidden=(300,), seed=seed)
    for level in (1, 2, 3):
        run = _fit(
            pair.level(level),
            pair.level_data(data.train, level),
            Adversarial(hidden=(200, 200), instance_noise=0.1),
            out / f"pyramid-seed{seed}-level{level}",
            seed=seed,
            steps=steps,
            learning_rate=3e-4,
            optimizer="adam:b1=0.5",
            average_decay=0.99,
        )
        pair.take_level(level, run.pair)
        spent += seconds(run)
    images, _ = load_engine("numpyro").draw(pair, SAMPLES, seed)
    return Measured(_compared(data.test, images), spent)


def convolutions(seed: int, out: Path, *, steps: int, channels: int) -> Measured:
    """Distances of a DCGAN's images from the test images.

    Args:
        seed: of the weights, training and draws.
        out: folder of the runs.
        steps: of critic and generator together.
        channels: of the generator's last hidden layer and the critic's first.
    """
    from ppl_models.networks.critics import ConvCritic

    data = load("mnist", binarisation=None)
    pair = create(
        "conv_generator",
        engine="pyro",
        channels=channels,
        likelihood="gaussian",
        output="sigmoid",
        seed=seed,
    )
    run = _fit(
        pair,
        data.train,
        Adversarial(ConvCritic(channels=channels, seed=seed), smooth_real=0.1),
        out / f"convolutions-{channels}-seed{seed}",
        seed=seed,
        steps=steps,
        batch_size=64,
        learning_rate=5e-4,
        optimizer="adam:betas=(0.5,0.999)",
        average_decay=0.99,
    )
    return Measured(_compared(data.test, run.sample(SAMPLES, seed=seed)), seconds(run))


def _fit(pair: Any, data: Any, objective: Any, out: Path, **settings: Any) -> Run:
    keywords = {"batch_size": 100, "out": out, "resume": True, "progress": False, **settings}
    return finished(fit(pair, data, objective=objective, **keywords))


def turned(x: NDArray[Any]) -> NDArray[Any]:
    """Images of 8 x 8 by a right angle."""
    return np.ascontiguousarray(np.rot90(x.reshape(-1, 8, 8), axes=(1, 2))).reshape(-1, 64)


def _compared(test: NDArray[Any], images: NDArray[Any] | None) -> dict[str, Figure]:
    """What the metrics of the same names say of images, clipped to grey levels."""
    assert images is not None
    known, drawn = DigitFeatures.load(), np.clip(images, 0, 1)
    sides = known.features(test), known.features(drawn)
    kernel, among = kernel_distance(*sides, seed=0), precision_recall(*sides)
    return {
        "frechet": Figure(frechet_distance(*sides).value),
        "kernel": Figure(kernel.value, kernel.standard_error),
        "precision": Figure(among.precision),
        "recall": Figure(among.recall),
        "digits_score": Figure(classifier_score(known.probabilities(drawn)).value),
    }
