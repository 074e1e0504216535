"""A restricted Boltzmann machine of 8 x 5 units, all of whose 256 states are summed in numpy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
VISIBLE, HIDDEN = 8, 5
SETTINGS = {"data_dim": VISIBLE, "hidden_dim": HIDDEN, "centred": False, "burn_in": 100}


def states(count: int) -> Array:
    """All states of some units, (2^count, count)."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=count)))


STATES = states(VISIBLE)


def parameters(seed: int = 0, size: float = 1.0) -> dict[str, Array]:
    """Random parameters, large enough that one step of a chain is far from enough."""
    random = np.random.default_rng(seed)
    return {
        "weight": size * random.normal(size=(VISIBLE, HIDDEN)),
        "visible_bias": 0.5 * size * random.normal(size=VISIBLE),
        "hidden_bias": 0.5 * size * random.normal(size=HIDDEN),
    }


def log_factor(values: dict[str, Array], v: Array) -> Array:
    """log f(v), with h summed one state after another."""
    h = states(values["weight"].shape[1])
    energy = (v @ values["weight"])[:, None, :] * h
    joint = energy.sum(-1) + h @ values["hidden_bias"]
    return v @ values["visible_bias"] + np.logaddexp.reduce(joint, axis=1)


def probabilities(values: dict[str, Array]) -> Array:
    """p(v) of all states."""
    log_f = log_factor(values, STATES)
    return np.exp(log_f - np.logaddexp.reduce(log_f))


def log_partition(values: dict[str, Array]) -> float:
    """log Z."""
    return float(np.logaddexp.reduce(log_factor(values, STATES)))


def transition(values: dict[str, Array]) -> Array:
    """The matrix of one step of block Gibbs, T[v, v'] = sum_h p(h | v) p(v' | h)."""
    h = states(values["weight"].shape[1])
    on = expit(STATES @ values["weight"] + values["hidden_bias"])
    up = np.prod(np.where(h[None] == 1, on[:, None], 1 - on[:, None]), -1)
    on = expit(h @ values["weight"].T + values["visible_bias"])
    down = np.prod(np.where(STATES[None] == 1, on[:, None], 1 - on[:, None]), -1)
    return up @ down


def slopes(values: dict[str, Array], v: Array) -> dict[str, Array]:
    """Gradients of log f at some states, by parameter, (len(v), ...)."""
    on = expit(v @ values["weight"] + values["hidden_bias"])
    return {
        "weight": v[:, :, None] * on[:, None, :],
        "visible_bias": v,
        "hidden_bias": on,
    }


def mean_slopes(values: dict[str, Array], law: Array) -> dict[str, Array]:
    """E[grad log f] under a law over the states, (256,)."""
    return {name: np.tensordot(law, each, 1) for name, each in slopes(values, STATES).items()}


def rows_as_law(rows: Array) -> Array:
    """How often each state is among some rows."""
    codes = (rows @ 2 ** np.arange(VISIBLE)[::-1]).astype(int)
    return np.bincount(codes, minlength=len(STATES)) / len(rows)


def contrastive(values: dict[str, Array], rows: Array, steps: int) -> dict[str, Array]:
    """E[CD-k's gradient] per datum: data less where chains from them are after k steps."""
    law = rows_as_law(rows)
    ends = law @ np.linalg.matrix_power(transition(values), steps)
    data, model = mean_slopes(values, law), mean_slopes(values, ends)
    return {name: data[name] - model[name] for name in data}


def exact(values: dict[str, Array], rows: Array) -> dict[str, Array]:
    """The gradient of the mean log-likelihood."""
    data = mean_slopes(values, rows_as_law(rows))
    model = mean_slopes(values, probabilities(values))
    return {name: data[name] - model[name] for name in data}


def apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The size of the difference of two gradients relative to the second."""
    difference = np.sqrt(sum(((one[n] - other[n]) ** 2).sum() for n in other))
    return float(difference / np.sqrt(sum((other[n] ** 2).sum() for n in other)))
