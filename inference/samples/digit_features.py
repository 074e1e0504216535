"""A small digit classifier of this package's own, for feature distances of MNIST-like images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import safe_open
from scipy.special import softmax

from inference import samples
from inference.errors import DataError
from inference.samples.rows import Rows, as_rows

FILE = "digit_features.safetensors"
LAYERS = ("hidden", "features", "classes")


@dataclass(frozen=True, eq=False)
class DigitFeatures:
    """Features and class probabilities of 28x28 grey digits, from a network shipped with it.

    The network is 784-256-64-10 with relu, trained on MNIST by `benchmarks/digit_features.py`:

        h = relu(W_1 x + b_1),    features = relu(W_2 h + b_2),
        probabilities = softmax(W_3 features + b_3)

    It is not Inception-v3, and nothing computed with it compares with a published FID, KID or
    inception score; the names of results say "digit-features".

    Attributes:
        weights: layer to matrix, shape (outputs, inputs), and bias, float64.
        metadata: how the weights came about: test accuracy, data id, command, seed.
    """

    weights: Mapping[str, tuple[Rows, Rows]] = field(repr=False)
    metadata: Mapping[str, str]

    name = "digit-features"

    @classmethod
    def load(cls) -> DigitFeatures:
        """The classifier that the package ships."""
        return _shipped()

    def features(self, images: ArrayLike) -> NDArray[np.float64]:
        """The last hidden layer, shape (N, 64).

        Args:
            images: grey values in [0, 1], shape (N, 784) or (N, 28, 28).

        Raises:
            DataError: if they are no such images.
        """
        activations = self._checked(images)
        for layer in LAYERS[:-1]:
            activations = np.maximum(self._linear(layer, activations), 0)
        return activations

    def probabilities(self, images: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the ten digits, shape (N, 10); images as for `features`."""
        return softmax(self._linear(LAYERS[-1], self.features(images)), axis=1)

    def __call__(self, images: ArrayLike) -> NDArray[np.float64]:
        """The features."""
        return self.features(images)

    def _linear(self, layer: str, inputs: Rows) -> Rows:
        weight, bias = self.weights[layer]
        return inputs @ weight.T + bias

    def _checked(self, images: ArrayLike) -> Rows:
        rows = as_rows("images", images)
        width = self.weights[LAYERS[0]][0].shape[1]
        if rows.shape[1] != width:
            raise DataError(
                f"images must have {width} columns (28x28 pixels), got {rows.shape[1]}; the digit "
                "features know no other size. Pass a feature function of your own."
            )
        low, high = rows.min(), rows.max()
        if low < 0 or high > 1:
            raise DataError(
                f"images must be grey values in [0, 1], got {low:.4g} to {high:.4g}; divide bytes "
                "by 255, or clip draws."
            )
        return rows


@cache
def _shipped() -> DigitFeatures:
    with (
        resources.as_file(resources.files(samples) / FILE) as path,
        safe_open(path, framework="numpy") as file,
    ):
        weights = {
            layer: (
                file.get_tensor(f"{layer}.weight").astype(np.float64),
                file.get_tensor(f"{layer}.bias").astype(np.float64),
            )
            for layer in LAYERS
        }
        return DigitFeatures(weights, dict(file.metadata()))
