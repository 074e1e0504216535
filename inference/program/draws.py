"""Weighted draws from a guide, site by site and per datum, in arrays of either framework."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cells:
    """Log densities entry by entry, each (K, *batch) with the batch of the deepest site.

    Attributes:
        log_p_sites: the model's, by site, times mask and scale.
        log_q_sites: the guide's, likewise.
        divergences: KL(q || p) where it is known, likewise.
        scores: log q of the sites whose draw carries no gradient, without mask and scale.
        gather: sums (K, *batch) entries to (K, N): see `Structure.gather`.
    """

    log_p_sites: Mapping[str, Any]
    log_q_sites: Mapping[str, Any]
    divergences: Mapping[str, Any]
    scores: Mapping[str, Any]
    gather: Callable[[Any], Any]


@dataclass(frozen=True)
class Draws:
    """K draws of every latent for each of N data, and their log densities in nats.

    Attributes:
        log_p_sites: the model's log density per site, each (K, N).
        log_q_sites: the guide's log density per site, each (K, N).
        divergences: KL(q || p) in closed form, for the sites where it was asked for and is known,
            each (K, N).
        scored: the sites whose draw carries no gradient to the guide's parameters.
        values: the drawn values per site, each (K, *batch, *event); see `Structure.padded_shape`.
        logits: the guide's logits at sites of a discrete family, shaped as their values (with one
            more dimension where these are integers).
        cells: where a draw is scored, the log densities before the sum over a datum: see `Cells`.
        unmasked: the guide's log density at the sites that a mask leaves out in part, without the
            mask, each (K, N).
    """

    log_p_sites: Mapping[str, Any]
    log_q_sites: Mapping[str, Any]
    divergences: Mapping[str, Any]
    scored: frozenset[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    logits: Mapping[str, Any] = field(default_factory=dict)
    cells: Cells | None = None
    unmasked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log_p(self) -> Any:
        """log p(x, z), shape (K, N)."""
        return sum(self.log_p_sites.values())

    @property
    def log_q(self) -> Any:
        """log q(z | x), shape (K, N)."""
        return sum(self.log_q_sites.values())

    @property
    def log_w(self) -> Any:
        """The log importance weight log p(x, z) - log q(z | x), shape (K, N)."""
        return self.log_p - self.log_q

    def likelihood_weight(self, training_only: Collection[str], held: Collection[str] = ()) -> Any:
        """log w as a likelihood's estimate has it, shape (K, N).

        Args:
            training_only: observed sites and factors that are no part of the likelihood.
            held: latents at values that the guide did not draw, so that the weight is one of
                p(x, held).
        """
        log_p = sum(value for name, value in self.log_p_sites.items() if name not in training_only)
        return log_p - self.log_q_without({*training_only, *held})

    def log_q_without(self, left: Collection[str]) -> Any:
        """log q(z | x) of the sites that are not left out, shape (K, N)."""
        return sum(value for name, value in self.log_q_sites.items() if name not in left)

    @property
    def elbo(self) -> Any:
        """log w, with the known divergences in place of their sampled estimates, shape (K, N)."""
        log_p = sum(self.log_p_sites[k] for k in self.log_p_sites if k not in self.divergences)
        log_q = sum(self.log_q_sites[k] for k in self.log_q_sites if k not in self.divergences)
        return log_p - log_q - sum(self.divergences.values())

    @property
    def log_q_left_out(self) -> Any | None:
        """What masks leave out of log q, by which draws are made all the same; (K, N).

        None where nothing is masked.
        """
        if not self.unmasked:
            return None
        return sum(whole - self.log_q_sites[name] for name, whole in self.unmasked.items())

    @property
    def log_q_scored(self) -> Any | None:
        """log q of the draws that carry no gradient, as such: without mask and scale; (K, N).

        None if every draw is reparameterised.
        """
        if self.cells is None:
            return None
        return sum(self.cells.gather(score) for score in self.cells.scores.values())
