"""The law of a sequential site, at a pair's parameters moved away from their start."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import torch
from flax import nnx
from jax import random
from numpy.typing import NDArray
from pyro import poutine
from scoring import numpyro_site_params

from inference.engines.numpyro.pairs import StoredPair
from inference.engines.pyro.parameters import rebuild
from ppl_models import create

Array = NDArray[np.float64]


def states(size: int) -> NDArray[np.float32]:
    """All rows of so many binary entries."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=size)), dtype=np.float32)


def moved(
    engine: str,
    model: str,
    batch: tuple[Any, ...],
    scale: float = 1.0,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """A pair of the zoo with normal parameters."""
    away = np.random.default_rng(seed)
    pair: Any = create(model, engine=engine, **settings)

    def draw(value: Any) -> NDArray[np.float32]:
        return (scale * away.normal(size=value.shape)).astype(np.float32)

    if engine == "pyro":
        values = {name: value.numpy() for name, value in pair.named_buffers()}
        values |= {name: draw(value) for name, value in pair.named_parameters()}
        return rebuild(pair, values, batch)
    start = jax.device_get(numpyro_site_params(pair, batch))
    return StoredPair(pair, jax.tree.map(lambda value: jnp.asarray(draw(value)), start))


def law(pair: Any, batch: tuple[Any, ...]) -> Any:
    """The law of x in evaluation mode, at the pair's parameters."""
    if pair.engine == "pyro":
        pair.wrapped.eval()
        trace = poutine.trace(pair.model).get_trace(*map(torch.tensor, batch))
        return trace.nodes["x"]["fn"]
    for network in vars(pair.wrapped).values():
        if hasattr(network, "deterministic"):
            network.deterministic = True
    model = numpyro.handlers.seed(pair.model, random.PRNGKey(0))
    return numpyro.handlers.trace(model).get_trace(*batch)["x"]["fn"]


def called(engine: str, function: Any, *arrays: Any) -> Any:
    """A function of arrays of the engine, on arrays of numpy: compiled, or without gradients."""
    if engine == "numpyro":
        return jax.device_get(jax.jit(function)(*arrays))
    with torch.no_grad():
        found = function(*map(torch.tensor, arrays))
    return tuple(part.numpy() for part in found) if isinstance(found, tuple) else found.numpy()


def jacobian(engine: str, function: Any, at: NDArray[Any]) -> Array:
    """The derivative of a function of one row, (outputs, entries)."""
    if engine == "numpyro":
        return np.asarray(jax.jit(jax.jacobian(function))(at), np.float64)
    return torch.autograd.functional.jacobian(function, torch.tensor(at)).double().numpy()


def put(pair: Any, weight: Any, bias: Any) -> None:
    """Set the parameters of a linear net, (outputs, inputs) and (outputs,)."""
    layer = pair.network.layers[0]
    if pair.engine == "pyro":
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    else:
        layer.kernel = nnx.Param(jnp.asarray(weight.T, jnp.float32))
        layer.bias = nnx.Param(jnp.asarray(bias, jnp.float32))
