"""Hidden Markov models of three states and five steps, whose paths can be summed over."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from scipy.stats import norm

from ppl_models import create

T, S, V, D = 5, 3, 4, 2
PATHS = np.array(list(itertools.product(range(S), repeat=T)))  # (243, T)
LENGTHS = np.array([5, 3, 1, 4])


def parameters(kind: str) -> dict[str, np.ndarray]:
    """What a pair trains, away from any symmetric point."""
    random = np.random.default_rng(0)
    logits = {"initial_logits": (S,), "transition_logits": (S, S)}
    if kind == "categorical":
        logits["emission_logits"] = (S, V)
    found = {n: log_softmax(random.normal(size=s), axis=-1) for n, s in logits.items()}
    if kind == "categorical":
        return found
    log_scales = 0.3 * random.normal(size=(S, D))
    return {**found, "means": 2 * random.normal(size=(S, D)), "log_scales": log_scales}


def build(engine: str, kind: str, **more: Any) -> Any:
    values = parameters(kind)
    start = {n: softmax(values[f"{n}_logits"], axis=-1) for n in ("initial", "transition")}
    if kind == "categorical":
        start |= {"emission": softmax(values["emission_logits"], axis=-1), "symbols": V}
    else:
        scales = 1e-3 + np.exp(values["log_scales"])
        start |= {"means": values["means"], "scales": scales, "data_dim": D}
    shape = {"length": T, "states": S, "emissions": kind}
    return create("hmm", engine=engine, **shape, **start, **more)


def data(kind: str) -> np.ndarray:
    random = np.random.default_rng(1)
    if kind == "categorical":
        return random.integers(0, V, (len(LENGTHS), T)).astype(np.float32)
    return (2 * random.normal(size=(len(LENGTHS), T, D))).astype(np.float32)


def log_emission(values: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """log p(x_t | z_t), shape (N, T, S)."""
    if "emission_logits" in values:
        return log_softmax(values["emission_logits"], axis=-1).T[x.astype(int)]
    scales = 1e-3 + np.exp(values["log_scales"])
    return norm.logpdf(x[:, :, None], values["means"], scales).sum(-1)


def joint(values: dict[str, np.ndarray], x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """log p(x, z) of every path, (paths, N), in float64; uniform states after the end."""
    initial = log_softmax(values["initial_logits"])
    transition = log_softmax(values["transition_logits"], axis=-1)
    emission = log_emission(values, x)
    scores = np.zeros((len(PATHS), len(x)))
    for p, path in enumerate(PATHS):
        for n, length in enumerate(lengths):
            for t, state in enumerate(path):
                if t >= length:
                    scores[p, n] -= np.log(S)
                    continue
                move = initial[state] if t == 0 else transition[path[t - 1], state]
                scores[p, n] += move + emission[n, t, state]
    return scores
