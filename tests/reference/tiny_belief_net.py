"""A sigmoid belief net of three hidden units, enumerated in float64.

b_n ~ Bernoulli(sigmoid(prior))^3,  x_n ~ Bernoulli(sigmoid(W b_n + c))
guide: b_n ~ Bernoulli(sigmoid(V x_n + d))
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import torch
from numpy.typing import NDArray
from scipy.special import log_expit

Arrays = dict[str, NDArray[Any]]
HIDDEN, VISIBLE = 3, 4
STATES = np.array(list(itertools.product([0.0, 1.0], repeat=HIDDEN)))  # (S, H)


def parameters(seed: int = 4, *, hidden: int = HIDDEN, visible: int = VISIBLE) -> Arrays:
    random = np.random.default_rng(seed)
    shapes = {
        "prior": (hidden,),
        "weight": (visible, hidden),
        "bias": (visible,),
        "guide_weight": (hidden, visible),
        "guide_bias": (hidden,),
    }
    values = {name: random.normal(size=shape) for name, shape in shapes.items()}
    return {name: value.astype(np.float32).astype(np.float64) for name, value in values.items()}


def data(rows: int, *, visible: int = VISIBLE) -> NDArray[np.float64]:
    return (np.random.default_rng(8).random((rows, visible)) < 0.5).astype(np.float64)


def _log_weights(values: Arrays, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """log q(b | x) and log p(x, b) - log q(b | x) of every state, each (N, S)."""
    log_prior = _bernoulli(STATES, values["prior"])  # (S,)
    logits = STATES @ values["weight"].T + values["bias"]  # (S, V)
    log_p = log_prior + _bernoulli(x[:, None], logits)
    log_q = _bernoulli(STATES, (x @ values["guide_weight"].T + values["guide_bias"])[:, None])
    return log_q, log_p - log_q


def evidence(values: Arrays, x: NDArray[Any]) -> float:
    log_q, log_w = _log_weights(values, x)
    return float(np.sum(np.logaddexp.reduce(log_q + log_w, axis=1)))


def elbo(values: Arrays, x: NDArray[Any]) -> float:
    log_q, log_w = _log_weights(values, x)
    return float(np.sum(np.exp(log_q) * log_w))


def iwae(values: Arrays, x: NDArray[Any], *, num_particles: int) -> float:
    """The importance-weighted bound by a sum over all tuples of states."""
    log_q, log_w = _log_weights(values, x)
    chosen = np.array(list(itertools.product(range(len(STATES)), repeat=num_particles)))  # (T, K)
    bound = np.logaddexp.reduce(log_w[:, chosen], axis=2) - np.log(num_particles)  # (N, T)
    return float((np.exp(log_q[:, chosen].sum(2)) * bound).sum())


def pair(engine: str, values: Arrays) -> Any:
    """Model and guide as bare functions with these parameters to start from."""
    library: Any = {"pyro": pyro, "numpyro": numpyro}[engine]
    dist: Any = {"pyro": pdist, "numpyro": ndist}[engine]
    array: Any = {"pyro": torch.tensor, "numpyro": jnp.asarray}[engine]

    def param(name: str) -> Any:
        return library.param(name, array(values[name].astype(np.float32)))

    def model(x: Any) -> None:
        with library.plate("data", len(x)):
            b = library.sample("b", dist.Bernoulli(logits=param("prior")).to_event(1))
            logits = b @ param("weight").T + param("bias")
            library.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(x: Any) -> None:
        logits = x @ param("guide_weight").T + param("guide_bias")
        with library.plate("data", len(x)):
            library.sample("b", dist.Bernoulli(logits=logits).to_event(1))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def _bernoulli(value: NDArray[Any], logits: NDArray[Any]) -> NDArray[Any]:
    on, off = np.asarray(log_expit(logits)), np.asarray(log_expit(-logits))
    return (value * on + (1 - value) * off).sum(-1)
