"""Expectation-maximisation for hidden Markov models (Baum et al. 1970)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.classical._em import (
    Array,
    Parameters,
    best_of,
    checked,
    moments,
    normal_log_density,
    spread_rows,
)
from ppl_models.networks.arguments import check_choice, check_positive, check_size
from ppl_models.networks.sequences import check_lengths, check_symbols

_RAREST = 1e-12  # probability that is kept for what was never seen


@dataclass(frozen=True)
class HMMFit:
    """Where EM for a hidden Markov model ended.

    Attributes:
        initial: probabilities of the first state, shape (S,).
        transition: probabilities of the next state, shape (S, S).
        emission: probabilities of the symbols, shape (S, symbols); None for Gaussian emissions.
        means: shape (S, D); None for categorical emissions.
        scales: standard deviations, shape (S, D); None for categorical emissions.
        log_likelihood: in nats per sequence.
        history: log-likelihood before each step and at the end; it never falls.
        length: steps of the longest sequence.
        min_scale: the smallest standard deviation that was allowed.
    """

    initial: Array
    transition: Array
    emission: Array | None
    means: Array | None
    scales: Array | None
    log_likelihood: float
    history: Array
    length: int
    min_scale: float

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Arguments for `create("hmm", ...)` that start the pair here."""
        given = {
            "length": self.length,
            "states": len(self.initial),
            "initial": self.initial,
            "transition": self.transition,
        }
        if self.emission is not None:
            symbols = self.emission.shape[1]
            return {
                **given,
                "emissions": "categorical",
                "symbols": symbols,
                "emission": self.emission,
            }
        assert self.means is not None
        return {
            **given,
            "emissions": "gaussian",
            "data_dim": self.means.shape[1],
            "means": self.means,
            "scales": self.scales,
            # Half of it, as the pair's scales approach their smallest value without reaching it.
            "min_scale": self.min_scale / 2,
        }


def hmm_em(
    x: ArrayLike,
    states: int,
    *,
    lengths: ArrayLike | None = None,
    emissions: str = "categorical",
    symbols: int | None = None,
    restarts: int = 10,
    iterations: int = 1000,
    tolerance: float = 1e-9,
    min_scale: float = 1e-3,
    seed: int = 0,
) -> HMMFit:
    """Maximise the likelihood of a hidden Markov model by EM (Baum-Welch), from several starts.

    Args:
        x: sequences: symbols, shape (N, T), or real numbers, shape (N, T, D).
        states: number of states S.
        lengths: steps of each sequence, shape (N,); all T when not given. What lies after the end
            of a sequence is not looked at.
        emissions: `"categorical"` or `"gaussian"`, with diagonal covariances.
        symbols: size of the alphabet; the largest symbol plus one when not given.
        restarts: number of random starts, of which the best is kept.
        iterations: most steps from each start.
        tolerance: a climb ends when a step gains less, in nats per sequence.
        min_scale: smallest standard deviation.
        seed: seed of the starts.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_choice("emissions", emissions, ("categorical", "gaussian"))
    check_size("states", states)
    check_positive("min_scale", min_scale)
    seen, inside = _observations(x, lengths, emissions, symbols)
    categorical, length = emissions == "categorical", inside.shape[1]

    def start(random: np.random.Generator) -> Parameters:
        chain = {
            "initial": random.dirichlet(np.full(states, 5.0)),
            "transition": random.dirichlet(np.full(states, 2.0), size=states),
        }
        if categorical:
            return {**chain, "emission": random.dirichlet(np.full(seen.shape[1], 2.0), size=states)}
        wide = np.maximum(seen.std(0), min_scale)
        means = spread_rows(seen, states, random)
        return {**chain, "means": means, "scales": np.tile(wide, (states, 1))}

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        factors = np.zeros((*inside.shape, states))
        factors[inside] = _log_emission(seen, parameters)
        log_evidence, smoothed, moves = expected_counts(parameters, factors, inside)
        following = {
            "initial": _normalised(smoothed[:, 0].sum(0)),
            "transition": _normalised(moves),
        }
        weights = smoothed[inside]  # (observations, S)
        if categorical:
            following["emission"] = _normalised(weights.T @ seen)
        else:
            following["means"], following["scales"] = moments(weights, seen, min_scale)
        return float(log_evidence.mean()), following

    found, history = best_of(
        start, step, restarts=restarts, iterations=iterations, tolerance=tolerance, seed=seed
    )
    return HMMFit(
        initial=found["initial"],
        transition=found["transition"],
        emission=found.get("emission"),
        means=found.get("means"),
        scales=found.get("scales"),
        log_likelihood=float(history[-1]),
        history=history,
        length=length,
        min_scale=min_scale,
    )


def _observations(
    x: ArrayLike, lengths: ArrayLike | None, emissions: str, symbols: int | None
) -> tuple[Array, NDArray[np.bool_]]:
    """What was seen in all steps, (observations, symbols or D), and which steps there are, (N, T).

    Raises:
        ValueError: if an argument does not fit the others.
    """
    categorical = emissions == "categorical"
    rows = checked(x, *((2, "(N, T)") if categorical else (3, "(N, T, D)")))
    number, length = rows.shape[:2]
    given = np.full(number, length) if lengths is None else np.asarray(lengths)
    check_lengths(given, length, number)
    inside = np.arange(length) < given[:, None]
    if categorical:
        size = int(rows.max()) + 1 if symbols is None else check_size("symbols", symbols)
        check_symbols(rows, size)
        return np.eye(size)[rows[inside].astype(int)], inside
    if symbols is not None:
        raise ValueError("symbols is for emissions='categorical'.")
    return rows[inside], inside


def expected_counts(
    parameters: Parameters, log_emission: Array, inside: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """Forward and backward pass with probabilities that are rescaled in each step (Rabiner 1989).

    Args:
        parameters: `initial` and `transition`.
        log_emission: log p(x_t | z_t), shape (N, T, S).
        inside: which steps belong to their sequence, shape (N, T).

    Returns:
        log p(x), shape (N,); p(z_t | x), shape (N, T, S); and the expected number of moves from
        state to state in all sequences, shape (S, S).
    """
    transition = parameters["transition"]
    largest = log_emission.max(-1, keepdims=True)
    emission = np.exp(log_emission - largest)
    alpha, beta = np.zeros_like(emission), np.ones_like(emission)
    scale = np.ones(inside.shape)
    for t in range(inside.shape[1]):
        reached = parameters["initial"] if t == 0 else alpha[:, t - 1] @ transition
        joint = reached * emission[:, t]
        scale[:, t] = np.where(inside[:, t], joint.sum(-1), 1.0)
        # After its end a sequence stays as it is.
        kept = joint if t == 0 else np.where(inside[:, t, None], joint, alpha[:, t - 1])
        alpha[:, t] = kept / scale[:, t, None]
    moves = np.zeros_like(transition)
    for t in range(inside.shape[1] - 1, 0, -1):
        onward = emission[:, t] * beta[:, t] / scale[:, t, None] * inside[:, t, None]
        moves += transition * (alpha[:, t - 1].T @ onward)
        beta[:, t - 1] = np.where(inside[:, t, None], onward @ transition.T, beta[:, t])
    log_evidence = (np.log(scale) + np.where(inside, largest[..., 0], 0.0)).sum(-1)
    return log_evidence, alpha * beta, moves


def _log_emission(seen: Array, parameters: Parameters) -> Array:
    if "emission" in parameters:
        return seen @ np.log(parameters["emission"]).T
    return normal_log_density(seen, parameters["means"], parameters["scales"])


def _normalised(counts: Array) -> Array:
    kept = np.maximum(counts, _RAREST)
    return kept / kept.sum(-1, keepdims=True)
