"""Expectation-maximisation for mixtures (Dempster, Laird & Rubin 1977)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ppl_models.classical._em import (
    Array,
    Parameters,
    best_of,
    checked,
    moments,
    normal_log_density,
    real_numbers,
    spread_rows,
)
from ppl_models.networks.arguments import check_choice, check_positive, check_size

_NEAREST = 1e-6  # how near to 0 and 1 a Bernoulli mean may come


@dataclass(frozen=True)
class MixtureFit:
    """Where EM for a mixture ended.

    Attributes:
        weights: class probabilities, shape (K,).
        means: shape (K, D).
        scales: standard deviations, shape (K, D); None for Bernoulli columns.
        log_likelihood: in nats per datum.
        history: log-likelihood before each step and at the end; it never falls.
        min_scale: the smallest standard deviation that was allowed.
    """

    weights: Array
    means: Array
    scales: Array | None
    log_likelihood: float
    history: Array
    min_scale: float

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Arguments for `create("mixture", ...)` that start the pair here."""
        components, data_dim = self.means.shape
        given = {
            "data_dim": data_dim,
            "components": components,
            "weights": self.weights,
            "means": self.means,
        }
        if self.scales is None:
            return {**given, "likelihood": "bernoulli"}
        # Half of it, as the pair's scales approach their smallest value without reaching it.
        return {**given, "scales": self.scales, "min_scale": self.min_scale / 2}

    def responsibilities(self, x: ArrayLike) -> Array:
        """p(z = k | x), shape (N, K)."""
        return _posterior(real_numbers("x", x), _parameters(self))[1]


def mixture_em(
    x: ArrayLike,
    components: int,
    *,
    likelihood: str = "gaussian",
    restarts: int = 10,
    iterations: int = 1000,
    tolerance: float = 1e-9,
    min_scale: float = 1e-3,
    seed: int = 0,
) -> MixtureFit:
    """Maximise the likelihood of a mixture by EM, from several starts.

    Args:
        x: data, shape (N, D).
        components: number of classes K.
        likelihood: `"gaussian"`, with diagonal covariances, or `"bernoulli"`.
        restarts: number of random starts, of which the best is kept.
        iterations: most steps from each start.
        tolerance: a climb ends when a step gains less, in nats per datum.
        min_scale: smallest standard deviation.
        seed: seed of the starts.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_choice("likelihood", likelihood, ("gaussian", "bernoulli"))
    check_size("components", components)
    check_positive("min_scale", min_scale)
    rows = checked(x, 2, "(N, D)")
    if components > len(rows):
        raise ValueError(f"components must be at most the {len(rows)} rows, got {components}.")
    if likelihood == "bernoulli" and not ((rows == 0) | (rows == 1)).all():
        raise ValueError("x must hold zeros and ones for a Bernoulli likelihood; binarise it.")

    def start(random: np.random.Generator) -> Parameters:
        weights, means = np.full(components, 1 / components), spread_rows(rows, components, random)
        if likelihood == "bernoulli":
            return {"weights": weights, "means": 0.25 + 0.5 * means}
        wide = np.maximum(rows.std(0), min_scale)
        return {"weights": weights, "means": means, "scales": np.tile(wide, (components, 1))}

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        evidence, weights = _posterior(rows, parameters)
        means, scales = moments(weights, rows, min_scale)
        following = {"weights": weights.mean(0), "means": means, "scales": scales}
        if likelihood == "bernoulli":
            following["means"] = np.clip(means, _NEAREST, 1 - _NEAREST)
            del following["scales"]
        return float(evidence.mean()), following

    found, history = best_of(
        start, step, restarts=restarts, iterations=iterations, tolerance=tolerance, seed=seed
    )
    return MixtureFit(
        weights=found["weights"],
        means=found["means"],
        scales=found.get("scales"),
        log_likelihood=float(history[-1]),
        history=history,
        min_scale=min_scale,
    )


def _parameters(fit: MixtureFit) -> Parameters:
    given = {"weights": fit.weights, "means": fit.means}
    return given if fit.scales is None else {**given, "scales": fit.scales}


def _posterior(rows: Array, parameters: Parameters) -> tuple[Array, Array]:
    """log p(x), shape (N,), and p(z = k | x), shape (N, K)."""
    joint = _log_joint(rows, parameters)
    largest = joint.max(-1, keepdims=True)
    unnormalised = np.exp(joint - largest)
    total = unnormalised.sum(-1, keepdims=True)
    return (np.log(total) + largest)[:, 0], unnormalised / total


def _log_joint(rows: Array, parameters: Parameters) -> Array:
    """log p(x, z = k), shape (N, K)."""
    means = parameters["means"]
    log_weights = np.log(np.maximum(parameters["weights"], 1e-300))
    if "scales" in parameters:
        return log_weights + normal_log_density(rows, means, parameters["scales"])
    return log_weights + rows @ np.log(means).T + (1 - rows) @ np.log1p(-means).T
