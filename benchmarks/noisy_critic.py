"""Program of the row `labels-100-noisy-critic`: the critic of Salimans et al. 2016 on MNIST.

    noisy_critic    100 labels, weights of fixed norm, noise between the layers, feature matching

A fit that was stopped goes on where it was. `python -m benchmarks.noisy_critic` prints the error on
the validation images in place of the test images, to choose settings by.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.finished import finished
from benchmarks.semi_supervised import Task, seconds
from inference import Run, classify, fit
from inference.comparison.metric import Figure
from inference.objectives import SemiSupervisedAdversarial
from inference.published.reproduce import Measured
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.networks.dense_critic_numpyro import DenseCritic


def noisy_critic(seed: int, out: Path, *, labels: int, **settings: Any) -> Measured:
    """Test error of a critic that has seen so many labels.

    Args:
        seed: of the choice of labels, the weights and training.
        out: folder of the runs.
        labels: how many, equally many of each class.
        **settings: of `trained`.
    """
    work = Task.load(labels, seed, images=50_000)
    name = "-".join(str(value) for _, value in sorted(settings.items())).replace(" ", "")
    run = trained(work, out / f"noisy_critic-{labels}-{name}-seed{seed}", **settings)
    error = work.error(classify(run, work.test).argmax(1))
    return Measured({"classification_error": Figure(error)}, seconds(run))


def trained(
    work: Task,
    out: Path,
    *,
    hidden: Sequence[int],
    noise: float,
    steps: int,
    share: float,
    batch: int,
    rate: float,
    weight: float,
) -> Run:
    """Critic and generator.

    Args:
        work: images and few labels.
        out: folder of the run.
        hidden: sizes of the critic.
        noise: standard deviation of the noise between its layers.
        steps: of critic and generator together.
        share: of the rows of a minibatch that have labels, on average, by repetition.
        batch: rows of a minibatch.
        rate: Adam's learning rate at first; it falls by a cosine.
        weight: of the labelled rows.
    """
    repeats = round(len(work.train) * share / (1 - share) / len(work.few[0]))
    pair = create(
        "mlp_generator",
        latent_dim=100,
        hidden=(500, 500),
        activation="softplus",
        prior="uniform",
        normalise="batch",
        likelihood="gaussian",
        output="sigmoid",
        data_mean=work.train.mean(0),
        seed=work.seed,
    )
    critic = DenseCritic(784, hidden, outputs=10, noise=noise, seed=work.seed)
    return finished(
        fit(
            pair,
            work.mixed(repeats),
            objective=SemiSupervisedAdversarial(critic=critic, label_weight=weight),
            steps=steps,
            batch_size=batch,
            learning_rate=rate,
            optimizer="adam:b1=0.5",
            schedule="cosine",
            seed=work.seed,
            out=out,
            resume=True,
            progress=False,
        )
    )


def main() -> None:
    """Print the error on the validation images, all of whose labels it takes to know."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hidden", type=int, nargs="+", default=(500, 250, 250))
    for name, kind, usual in (
        ("noise", float, 0.1),
        ("steps", int, 6_000),
        ("share", float, 0.25),
        ("batch", int, 100),
        ("rate", float, 3e-3),
        ("weight", float, 2.0),
    ):
        parser.add_argument(f"--{name}", type=kind, default=usual)
    settings = vars(parser.parse_args())
    work = Task.load(100, settings.pop("seed"), images=50_000)
    data = load("mnist", binarisation=None)
    with tempfile.TemporaryDirectory() as folder:
        run = trained(work, Path(folder), **settings)
    error = 100 * float((classify(run, data.valid).argmax(1) != data.labels["valid"]).mean())
    print(f"{settings}: {error:.2f} % of the validation images, {seconds(run):.0f} s", flush=True)


if __name__ == "__main__":
    main()
