"""Scores and gradients of a pair on either engine, at given parameters, for tests."""

from __future__ import annotations

from typing import Any, cast

import jax
import numpy as np
import numpyro
import pyro
import torch
from jax import random
from numpy.typing import NDArray
from numpyro.infer import SVI
from pyro import poutine

from inference import ELBO
from inference.engines.pyro.pairs import StoredPair as PyroStored
from inference.engines.pyro.pairs import set_values, stored_values

Arrays = dict[str, NDArray[Any]]


def kernel_names(values: Arrays) -> Arrays:
    """Torch names and layouts of a NumPyro pair's parameters."""
    renamed = {}
    for name, value in values.items():
        if name.endswith(".kernel"):
            renamed[name.removesuffix("kernel") + "weight"] = value.T
        else:
            renamed[name] = value
    return renamed


def numpyro_site_params(pair: Any, x: NDArray[Any]) -> dict[str, Any]:
    """The parameter sites of a NumPyro pair with their initial values."""
    svi = SVI(pair.model, pair.guide, numpyro.optim.Adam(1e-3), ELBO())
    return svi.get_params(svi.init(random.PRNGKey(0), x))


def log_densities(pair: Any, x: NDArray[Any], z: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    """log p(x, z) and log q(z | x) per datum, by plain handlers of the pair's own library."""
    if pair.engine == "pyro":
        with torch.no_grad():
            data = torch.tensor(x)
            latents = {name: torch.tensor(value) for name, value in z.items()}
            scores = []
            for program in (pair.model, pair.guide):
                trace = poutine.trace(poutine.condition(program, data=latents)).get_trace(data)
                trace.compute_log_prob()
                sites = [
                    cast(torch.Tensor, site["log_prob"])
                    for name, site in trace.nodes.items()
                    if site["type"] == "sample" and (name in z or name == "x")
                ]
                scores.append(torch.stack(sites).sum(0).numpy())
        return scores[0], scores[1]
    scores = []
    for program in (pair.model, pair.guide):
        substituted = numpyro.handlers.substitute(
            numpyro.handlers.seed(program, random.PRNGKey(0)), data=cast(Any, z)
        )
        trace = numpyro.handlers.trace(substituted).get_trace(x)
        sites = [s["fn"].log_prob(s["value"]) for s in trace.values() if s["type"] == "sample"]
        scores.append(np.asarray(sum(sites)))
    return scores[0], scores[1]


def gradients(
    pair: Any, objective: Any, args: tuple[Any, ...], repeats: int, *, values: Arrays | None = None
) -> tuple[Arrays, NDArray[np.float64]]:
    """Gradients of the objective's loss by parameter name, (repeats, ...), and its values.

    `values` replaces the pair's parameters; their names must be the pair's.
    """
    if pair.engine == "numpyro":
        params = numpyro_site_params(pair, *args) if values is None else values

        def loss_of(params: Any, key: Any) -> Any:
            return objective.loss(key, params, pair.model, pair.guide, *args)

        keys = random.split(random.PRNGKey(7), repeats)
        value, grads = jax.jit(jax.lax.map, static_argnums=0)(
            lambda key: jax.value_and_grad(loss_of)(params, key), keys
        )
        return {n: np.asarray(g, dtype=np.float64) for n, g in grads.items()}, np.asarray(value)
    stored = PyroStored(pair)
    tensors = tuple(torch.tensor(arg) for arg in args)
    collected: dict[str, list[NDArray[Any]]] = {}
    losses = []
    with stored.scope(), torch.random.fork_rng():
        torch.manual_seed(7)
        for repeat in range(repeats):
            loss = objective(stored.model, stored.guide, *tensors)
            if repeat == 0 and values is not None:
                set_values(stored, {**stored_values(stored), **values})
                loss = objective(stored.model, stored.guide, *tensors)
            store = pyro.get_param_store()
            leaves = {name.split("$$$")[-1]: tensor for name, tensor in store._params.items()}
            grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
            for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
                array = np.zeros(leaf.shape) if grad is None else grad.double().numpy()
                collected.setdefault(name, []).append(array)
            losses.append(float(loss.detach()))
    return {name: np.stack(parts) for name, parts in collected.items()}, np.array(losses)
