"""Many gradients of one objective at fixed parameters, on NumPyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, random
from numpy.typing import NDArray
from numpyro.infer import SVI

from inference.engines.numpyro.pairs import flatten, parts, public_names
from inference.engines.numpyro.program import attach
from inference.engines.program import OWNED
from inference.objectives import Objective


def gradients(
    pair: Any,
    objective: Any,
    batch: tuple[NDArray[Any], ...],
    repeats: int,
    *,
    values: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Gradients of the objective's loss by parameter site, (repeats, ...) each, and its values.

    Args:
        pair: the pair.
        objective: an objective, or a loss of NumPyro's own.
        batch: what model and guide take.
        repeats: how many gradients, each from draws of its own.
        values: parameter sites in place of the pair's initial ones; of what the objective owns
            too, by their names without the prefix `objective.`.
        seed: seed of the draws.
    """
    model, guide = parts(pair)
    if isinstance(objective, Objective) and objective.owns:
        guide = attach(objective, model, guide)
    svi = SVI(model, guide, optax.sgd(0.0), objective)
    args = tuple(map(jnp.asarray, batch))
    state = svi.init(random.PRNGKey(seed), *args)
    params = dict(svi.get_params(state))
    mutable = dict(state.mutable_state or {})
    for name, value in (values or {}).items():
        for group in (params, mutable):
            for key in (name, OWNED + name):
                if key in group:
                    group[key] = jnp.asarray(value)

    def loss_of(params: dict[str, Any], key: Any) -> Any:
        given = {**params, **lax.stop_gradient(mutable)}
        return svi.loss.loss(key, given, model, guide, *args)

    def each(key: Any) -> Any:
        return jax.value_and_grad(loss_of)(params, key)

    keys = random.split(random.PRNGKey(seed + 1), repeats)
    losses, grads = jax.jit(lambda keys: lax.map(each, keys, batch_size=50))(keys)
    named = public_names(flatten(grads))
    arrays = {name: grad.astype(np.float64) for name, grad in named.items()}
    return arrays, np.asarray(losses, dtype=np.float64)
