"""Coordinate ascent for a Bayesian mixture of Gaussians (Bishop 2006, section 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, logsumexp

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MixturePrior:
    """The prior of `bayesian_mixture`, by the names of its hyperparameters."""

    concentration: float = 1.0
    prior_scale: float = 3.0
    shape: float = 2.0
    rate: float = 1.0


@dataclass(frozen=True)
class MeanField:
    """A mean-field posterior: Dirichlet weights, Normal means, Gamma precisions.

    Attributes:
        concentrations: of the weights, (K,).
        locs: of the means, (K, D).
        scales: of the means, (K, D).
        shapes: of the precisions, (K, D).
        rates: of the precisions, (K, D).
        history: the bound before each sweep and at the end, in nats of all data; it never falls.
    """

    concentrations: Array
    locs: Array
    scales: Array
    shapes: Array
    rates: Array
    history: tuple[float, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, weights: Mapping[str, NDArray[Any]]) -> MeanField:
        """That of a pair, from its `get_weights()`."""
        logs = ("log_concentrations", "log_scales", "log_shapes", "log_rates")
        values: dict[str, Any] = {
            name: np.exp(np.asarray(weights[name], dtype=np.float64)) for name in logs
        }
        values = {name.removeprefix("log_"): value for name, value in values.items()}
        return cls(locs=np.asarray(weights["locs"], dtype=np.float64), **values)

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """What a pair's `set_weights` takes, to begin from here."""
        found = {"locs": self.locs}
        for name in ("concentrations", "scales", "shapes", "rates"):
            found[f"log_{name}"] = np.log(getattr(self, name))
        return {name: value.astype(np.float32) for name, value in found.items()}

    def log_joint(self, x: ArrayLike) -> Array:
        """E[log weights_k + log p(x_n | means_k, precisions_k)], (N, K)."""
        rows = np.asarray(x, dtype=np.float64)[:, None, :]
        log_precision = digamma(self.shapes) - np.log(self.rates)
        missed = (rows - self.locs) ** 2 + self.scales**2
        of_x = log_precision - self.shapes / self.rates * missed - np.log(2 * np.pi)
        log_weight = digamma(self.concentrations) - digamma(self.concentrations.sum())
        return log_weight + 0.5 * of_x.sum(-1)

    def bound(self, x: ArrayLike, prior: MixturePrior) -> float:
        """The ELBO with the best q(z_n), exact, in nats of all data.

        sum_n log sum_k exp E[log weights_k p(x_n | k)] - KL of weights, means and precisions
        """
        of_data = float(np.asarray(logsumexp(self.log_joint(x), axis=1)).sum())
        a, b = self.concentrations, np.full(len(self.concentrations), prior.concentration)
        of_weights = _log_beta(b) - _log_beta(a)
        of_weights += float(((a - b) * (digamma(a) - digamma(a.sum()))).sum())
        ratio = (self.scales / prior.prior_scale) ** 2
        of_means = 0.5 * (ratio + (self.locs / prior.prior_scale) ** 2 - 1 - np.log(ratio)).sum()
        c, d = self.shapes, self.rates
        of_precisions = (
            (c - prior.shape) * digamma(c)
            - gammaln(c)
            + gammaln(prior.shape)
            + prior.shape * (np.log(d) - np.log(prior.rate))
            + c * (prior.rate - d) / d
        ).sum()
        return of_data - of_weights - float(of_means) - float(of_precisions)


def mixture_coordinate_ascent(
    x: ArrayLike, start: MeanField, prior: MixturePrior, *, sweeps: int = 100
) -> MeanField:
    """Set each factor to its best given the others, in turn.

    Args:
        x: data, (N, D).
        start: where to begin; the order of the classes is its own.
        prior: the prior.
        sweeps: over all factors.
    """
    rows, found, history = np.asarray(x, dtype=np.float64), start, []
    for _ in range(sweeps):
        history.append(found.bound(rows, prior))
        logits = found.log_joint(rows)
        share = np.exp(logits - np.asarray(logsumexp(logits, axis=1, keepdims=True)))  # (N, K)
        counts, sums = share.sum(0), share.T @ rows
        precision = found.shapes / found.rates
        variance = 1 / (prior.prior_scale**-2 + counts[:, None] * precision)
        locs = variance * precision * sums
        missed = (share[:, :, None] * (rows[:, None] - locs) ** 2).sum(0)
        missed += counts[:, None] * variance
        found = MeanField(
            concentrations=prior.concentration + counts,
            locs=locs,
            scales=np.sqrt(variance),
            shapes=np.broadcast_to(prior.shape + counts[:, None] / 2, locs.shape).copy(),
            rates=prior.rate + missed / 2,
        )
    history.append(found.bound(rows, prior))
    return MeanField(**{**vars(found), "history": tuple(history)})


def _log_beta(concentrations: Array) -> float:
    return float(gammaln(concentrations).sum() - gammaln(concentrations.sum()))
