"""A deep belief net of 4-3-2 units, all of whose states are summed in numpy, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from small_rbm import states

Array = NDArray[np.float64]
D, H, G = 4, 3, 2
SETTINGS = {"data_dim": D, "hidden_dims": (H, G), "centred": False, "burn_in": 50}
X, Y, T = states(D), states(H), states(G)


def parameters(seed: int = 0, size: float = 1.0) -> dict[str, Array]:
    """Random parameters, by the names of the pair's."""
    random = np.random.default_rng(seed)
    shapes = {
        "decoder.0.weight": (D, H),
        "decoder.0.bias": (D,),
        "encoder.0.weight": (H, D),
        "encoder.0.bias": (H,),
        "top.weight": (H, G),
        "top.visible_bias": (H,),
        "top.hidden_bias": (G,),
    }
    drawn = {name: size * random.normal(size=shape) for name, shape in shapes.items()}
    return {name: value.astype(np.float32).astype(np.float64) for name, value in drawn.items()}


def log_bernoulli(values: Array, logits: Array) -> Array:
    """log of the chance of each row of values at each row of logits, (logits, values)."""
    on, off = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    return on @ values.T + off @ (1 - values).T


def top_joint(values: dict[str, Array]) -> Array:
    """log f(h, g) of the top machine, (2^H, 2^G)."""
    found = (Y @ values["top.visible_bias"])[:, None] + (T @ values["top.hidden_bias"])[None]
    return found + Y @ values["top.weight"] @ T.T


def log_top(values: dict[str, Array]) -> Array:
    """log p(h), (2^H,)."""
    joint = top_joint(values)
    return np.logaddexp.reduce(joint, 1) - np.logaddexp.reduce(joint, None)


def log_below(values: dict[str, Array]) -> Array:
    """log p(x | h), (2^H, 2^D)."""
    return log_bernoulli(X, Y @ values["decoder.0.weight"].T + values["decoder.0.bias"])


def log_guide(values: dict[str, Array]) -> Array:
    """log q(h | x), (2^D, 2^H)."""
    return log_bernoulli(Y, X @ values["encoder.0.weight"].T + values["encoder.0.bias"])


def log_evidence(values: dict[str, Array]) -> Array:
    """log p(x), (2^D,)."""
    return np.logaddexp.reduce(log_top(values)[:, None] + log_below(values), 0)


def bound(values: dict[str, Array]) -> Array:
    """The variational bound of each x, (2^D,)."""
    log_q = log_guide(values)
    log_w = log_top(values)[None] + log_below(values).T - log_q
    return (np.exp(log_q) * log_w).sum(1)


def step(values: dict[str, Array]) -> Array:
    """The matrix of one step of block Gibbs at the top, (2^H, 2^H)."""
    joint = top_joint(values)
    up = np.exp(joint - np.logaddexp.reduce(joint, 1)[:, None])
    down = np.exp(joint - np.logaddexp.reduce(joint, 0)[None])
    return up @ down.T


def top_slopes(values: dict[str, Array]) -> dict[str, Array]:
    """Gradients of log f(h) at all states, by parameter, (2^H, ...)."""
    on = expit(Y @ values["top.weight"] + values["top.hidden_bias"])
    return {
        "top.weight": Y[:, :, None] * on[:, None],
        "top.visible_bias": Y,
        "top.hidden_bias": on,
    }


def law_of(rows: Array) -> Array:
    """How often each x is among some rows."""
    codes = (rows @ 2 ** np.arange(D)[::-1]).astype(int)
    return np.bincount(codes, minlength=2**D) / len(rows)


def up_down(values: dict[str, Array], rows: Array, steps: int) -> dict[str, Array]:
    """E[the up-down algorithm's gradient] per datum, by parameter."""
    joint = law_of(rows)[:, None] * np.exp(log_guide(values))  # of x and h, (2^D, 2^H)
    begun = joint.sum(0)
    ends = begun @ np.linalg.matrix_power(step(values), steps)
    found = {n: np.tensordot(begun - ends, each, 1) for n, each in top_slopes(values).items()}
    missed = joint.T @ X - joint.sum(0)[:, None] * expit(
        Y @ values["decoder.0.weight"].T + values["decoder.0.bias"]
    )  # of x at each h, (2^H, D)
    found["decoder.0.weight"], found["decoder.0.bias"] = missed.T @ Y, missed.sum(0)
    dreamt = (ends[:, None] * np.exp(log_below(values))).T  # of x and h, (2^D, 2^H)
    missed = dreamt @ Y - dreamt.sum(1)[:, None] * expit(
        X @ values["encoder.0.weight"].T + values["encoder.0.bias"]
    )
    found["encoder.0.weight"], found["encoder.0.bias"] = missed.T @ X, missed.sum(0)
    return found


def as_arrays(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as `set_weights` takes them."""
    return {name: np.asarray(value, np.float32) for name, value in values.items()}
