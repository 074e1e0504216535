"""The digit classifier that the package ships, and the table row that uses it."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import pytest
import torch

from inference import DigitFeatures, sample_quality
from inference.errors import ZooError
from ppl_models.datasets import load

IMAGES = np.random.default_rng(0).random((40, 784))
NOT_LOADED: Any = DigitFeatures


def test_forward_pass_is_that_of_torch() -> None:
    network = DigitFeatures.load()
    layers = []
    for weight, bias in network.weights.values():
        linear = torch.nn.Linear(*weight.shape[::-1], dtype=torch.float64)
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        layers += [linear, torch.nn.ReLU()]
    body, head = torch.nn.Sequential(*layers[:4]), layers[4]
    assert [tuple(w.shape) for w, _ in network.weights.values()] == [
        (256, 784),
        (64, 256),
        (10, 64),
    ]
    with torch.no_grad():
        features = body(torch.tensor(IMAGES))
        probabilities = torch.softmax(head(features), -1)
    np.testing.assert_allclose(network.features(IMAGES), features.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(network.probabilities(IMAGES), probabilities.numpy(), rtol=1e-9)
    np.testing.assert_array_equal(network(IMAGES.reshape(-1, 28, 28)), network.features(IMAGES))


@pytest.mark.skipif("PPL_DATA" not in os.environ, reason="PPL_DATA is not set; it needs MNIST")
def test_accuracy_is_the_one_it_states() -> None:
    data, network = load("mnist", binarisation=None), DigitFeatures.load()
    found = network.probabilities(data.test).argmax(1)
    accuracy = float((found == data.labels["test"]).mean())
    assert f"{accuracy:.4f}" == network.metadata["test_accuracy"]
    assert accuracy > 0.975
    for split in ("train", "test"):
        assert network.metadata[f"{split}_data"] == str(data.data_id(split))


def test_it_states_where_it_comes_from() -> None:
    metadata = DigitFeatures.load().metadata
    assert metadata["command"] == "python -m benchmarks.digit_features"
    assert (metadata["seed"], metadata["epochs"]) == ("0", "20")
    assert metadata["train_data"].startswith("mnist/train/grey/")


def test_it_needs_no_framework() -> None:
    import subprocess

    script = (
        "import sys, numpy, inference\n"
        "inference.DigitFeatures.load().features(numpy.zeros((1, 784)))\n"
        "inference.mmd_test, inference.parzen_log_likelihood, inference.sample_quality\n"
        "assert not {'torch', 'jax', 'pyro', 'numpyro'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_one_row_of_a_table() -> None:
    random = np.random.default_rng(1)
    real, generated = IMAGES, random.random((30, 784)) ** 2
    found = sample_quality(real, generated, DigitFeatures.load(), num_permutations=99)
    row = found.as_dict()
    assert (row["real"], row["generated"], row["features"]) == (40, 30, "digit-features")
    assert row["p_value"] == 0.01
    assert list(found.named()) == [
        "MMD^2, 40/30",
        "p-value of MMD^2, 40/30",
        "digit-features precision (k = 3), 40/30",
        "digit-features recall (k = 3), 40/30",
        "digit-features Frechet distance, 40/30",
        "digit-features kernel distance, 40/30",
        "digit-features classifier score, 30",
    ]
    assert set(found.named().values()) <= set(row.values())
    plain = sample_quality(real, generated, num_permutations=9)
    assert plain.as_dict()["features"] == "data-space"
    assert plain.classifier is None
    assert "classifier score" not in str(plain.named())

    def corner(x: Any) -> Any:
        return x[:, :2]

    own = sample_quality(real, generated, corner, num_permutations=9)
    assert own.frechet.name == "corner Frechet distance, 40/30"
    assert own.mmd == plain.mmd  # on the rows themselves


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: DigitFeatures.load().features(IMAGES[:, :64]),
            r"784 columns .*got 64; .*your own",
        ),
        (lambda: DigitFeatures.load().features(IMAGES * 255), r"in \[0, 1\], got .* divide bytes"),
        (lambda: DigitFeatures.load().probabilities(IMAGES - 1), r"grey values in \[0, 1\]"),
        (lambda: sample_quality(IMAGES, IMAGES, NOT_LOADED), "features must be a function"),
        (
            lambda: sample_quality(IMAGES, IMAGES, lambda x: x[:3]),
            r"features must return shape \(40, F\) for 40 rows, got \(3, 784\)",
        ),
    ],
)
def test_bad_input_is_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(ZooError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
