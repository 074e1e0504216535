"""Train the digit classifier that `inference` ships: `python -m benchmarks.digit_features`.

784-256-64-10 with relu, on the 50,000 training rows of MNIST as grey values in [0, 1], for 20
epochs of minibatches of 100 with Adam and a cosine schedule. It stops there; the test rows
are only looked at to report the accuracy of the weights as they are written, in float16.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from safetensors.numpy import save_file
from torch import nn

from inference import samples
from inference.samples.digit_features import FILE, LAYERS, DigitFeatures
from ppl_models.datasets import load

EPOCHS, BATCH, RATE, DECAY = 20, 100, 1e-3, 1e-4
SIZES = (784, 256, 64, 10)


def train(x: Any, labels: Any, seed: int) -> dict[str, np.ndarray]:
    """Weights and biases by name, in float16."""
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(seed)
    linears = [nn.Linear(*sizes) for sizes in itertools.pairwise(SIZES)]
    for linear in linears:
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=random)
        nn.init.zeros_(linear.bias)
    network = nn.Sequential(linears[0], nn.ReLU(), linears[1], nn.ReLU(), linears[2])
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    images, classes = torch.tensor(x), torch.tensor(labels)
    batches = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images), generator=random).split(BATCH):
            loss = nn.functional.cross_entropy(network(images[rows]), classes[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return {
        f"{layer}.{kind}": getattr(linear, kind).detach().numpy().astype(np.float16)
        for layer, linear in zip(LAYERS, linears, strict=True)
        for kind in ("weight", "bias")
    }


def main(
    out: Annotated[Path, typer.Option(help="The file of weights.")] = (
        Path(samples.__path__[0]) / FILE
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and batches.")] = 0,
) -> None:
    data = load("mnist", binarisation=None)
    began = time.perf_counter()
    tensors = train(data.train, data.labels["train"], seed)
    seconds = time.perf_counter() - began
    pairs = {
        layer: (tensors[f"{layer}.weight"].astype(float), tensors[f"{layer}.bias"].astype(float))
        for layer in LAYERS
    }
    found = DigitFeatures(pairs, {}).probabilities(data.test).argmax(1)
    accuracy = float((found == data.labels["test"]).mean())
    metadata = {
        "network": "-".join(map(str, SIZES)) + ", relu",
        "test_accuracy": f"{accuracy:.4f}",
        "train_data": str(data.data_id("train")),
        "test_data": str(data.data_id("test")),
        "epochs": str(EPOCHS),
        "seed": str(seed),
        "command": "python -m benchmarks.digit_features",
    }
    save_file(tensors, out, metadata=metadata)
    print(f"{out}: test accuracy {accuracy:.4f}, {out.stat().st_size:,} bytes, {seconds:.1f} s")


if __name__ == "__main__":
    typer.run(main)
