"""A classifier whose hidden layers begin as machines that were trained one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models._registry import create

Layer = tuple[NDArray[Any], NDArray[Any]]


def classifier(engine: str, layers: Sequence[Layer], *, classes: int, seed: int = 0) -> Pair:
    """A network from data to classes that computes the machines' codes at the start.

        h_1 = s(W_1' v + c_1),  h_2 = s(W_2' h_1 + c_2) ...,  p(class | v) = softmax(U h_L + d)

    Args:
        engine: `"pyro"` or `"numpyro"`.
        layers: W, (D, H), and c, (H,), of each machine, the one that has learnt the data first.
        classes: how many.
        seed: of U, which is new.

    Raises:
        ValueError: if the machines do not fit on each other, or an argument is out of range.
    """
    for number, (below, above) in enumerate(pairwise(layers), start=2):
        if len(above[0]) != len(below[1]):
            raise ValueError(
                f"machine {number} has data_dim={len(above[0])}, but the one below it has codes of "
                f"{len(below[1])} units: fit it on run.encode(x) of that one."
            )
    made = create(
        "conditional_network",
        engine=engine,
        data_dim=classes,
        condition_dim=len(layers[0][0]),
        hidden=tuple(len(bias) for _, bias in layers),
        activation="sigmoid",
        likelihood="categorical",
        seed=seed,
    )
    weights = made.get_weights()
    for depth, (weight, bias) in enumerate(layers):
        weights[f"network.layers.{depth}.weight"] = weight.T.astype(np.float32)
        weights[f"network.layers.{depth}.bias"] = bias.astype(np.float32)
    made.set_weights(weights)
    return made
