"""Methods of networks compiled once, however often and on whatever parameters they are called."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from flax import nnx


def compiled(network: nnx.Module, method: str, *args: Any) -> Any:
    """What a method returns.

    A loop of `lax.scan` that is called by itself is compiled anew each time, since its body is a
    new function then; under one `jit` that outlives the call it is not.
    """
    graph, state = nnx.split(network)
    return _called(graph, method, state, *args)


@partial(jax.jit, static_argnums=(0, 1))
def _called(graph: Any, method: str, state: Any, *args: Any) -> Any:
    return getattr(nnx.merge(graph, state), method)(*args)
