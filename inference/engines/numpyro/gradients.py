"""Many gradients of one objective at fixed parameters, on NumPyro."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, random
from numpy.typing import NDArray
from numpyro.infer import SVI

from inference.engines.numpyro.compilation import Compiled, traced
from inference.engines.numpyro.keys import reseeded
from inference.engines.numpyro.pairs import StoredPair, parts
from inference.engines.numpyro.parameters import flatten, nested, public_names
from inference.engines.numpyro.parameters import means_learn as changes
from inference.engines.numpyro.sketch import only, sketched
from inference.engines.numpyro.svi import asked, attach
from inference.engines.numpyro.traces import Trace, parameters_in, traces
from inference.program.moments import GradientMoments, welford
from inference.program.program import OWNED
from inference.program.surrogate import Surrogate

_PAIR = jax.tree.structure((0, 0))


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
    if isinstance(objective, Surrogate) and objective.owns:
        guide = attach(objective, model, guide)
    svi = SVI(model, guide, optax.sgd(0.0), objective)
    of_svi: Any = svi.loss
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
        given = {**params, **reseeded(mutable, key)}
        return of_svi.loss(key, given, model, guide, *args)

    def each(key: Any) -> Any:
        return jax.value_and_grad(loss_of)(params, key)

    keys = random.split(random.PRNGKey(seed + 1), repeats)
    with asked():  # what it estimates is to be measured
        losses, grads = Compiled(lambda keys: lax.map(each, keys))(keys)
    named = public_names(flatten(grads))
    arrays = {name: grad.astype(np.float64) for name, grad in named.items()}
    return arrays, np.asarray(losses, dtype=np.float64)


def snapshot(pair: Any, batch: tuple[NDArray[Any], ...], seed: int) -> StoredPair:
    """The pair at its present parameters, which nothing that is done with it changes.

    Args:
        pair: the pair.
        batch: what model and guide take.
        seed: of initial values that are drawn, where the pair has not been fitted.
    """
    both, names = parts(pair), list[str]()

    def values_of(key: Any, *arrays: Any) -> dict[str, Any]:
        found = parameters_in(*traces(key, {}, *both, arrays, {}))
        names[:] = found
        return found

    given = (random.PRNGKey(seed), *map(jnp.asarray, batch))
    found = only(values_of, both, *given)
    values = values_of(*given) if found is None else jax.tree.map(jnp.asarray, found)
    values = {name: values[name] for name in names}  # which jax sorts
    return StoredPair(pair.wrapped if isinstance(pair, StoredPair) else pair, values)


def parameter_groups(pair: StoredPair, batch: tuple[NDArray[Any], ...]) -> dict[str, str]:
    """Whose each parameter is: `"model"`, `"guide"`, or `"shared"` by both."""
    arrays = tuple(map(jnp.asarray, batch))
    model, guide = parts(pair)

    def sites_of(guide: Trace, model: Trace, _: Any) -> dict[str, set[str]]:
        return {"model": set(model), "guide": set(guide)}

    sides = sketched(model, guide, arrays, sites_of)
    if sides is None:
        sides = sites_of(*traces(random.PRNGKey(0), {}, model, guide, arrays, {}), ())
    owners = {}
    for name in pair.values:
        within = {side for side, sites in sides.items() if name in sites}
        group = within.pop() if len(within) == 1 else "shared"
        owners |= dict.fromkeys(public_names(flatten({name: pair.values[name]})), group)
    return owners


def means_learn(pair: StoredPair, batch: tuple[NDArray[Any], ...]) -> bool:
    """Whether what the model returns, drawing data, changes with what is trained."""
    args = tuple(map(jnp.asarray, batch))
    return changes(pair.values, parts(pair)[0], args)


def gradient_moments(
    pair: StoredPair,
    objective: Surrogate,
    batch: tuple[NDArray[Any], ...],
    *,
    blocks: int,
    block_size: int,
    owned: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> GradientMoments:
    """Moments of the gradients of the objective's loss, by parameter as the optimiser sees it.

    A block is one compiled loop; gradients follow one another as they do in training.

    Args:
        pair: what `snapshot` made.
        objective: the objective.
        batch: what model and guide take.
        blocks: how many blocks.
        block_size: gradients in each, every one from draws of its own.
        owned: values of what the objective owns, as `Run.owned` has them.
        seed: seed of the draws.
    """
    model, guide = parts(pair)
    attached = attach(objective, model, guide) if objective.owns else guide
    svi = SVI(model, attached, optax.sgd(0.0), objective)
    of_svi: Any = svi.loss
    args = tuple(map(jnp.asarray, batch))
    state = svi.init(random.PRNGKey(seed), *args)
    params, mutable = dict(svi.optim.get_params(state.optim_state)), dict(state.mutable_state or {})
    constrain: Any = svi.constrain_fn  # known after init
    for name, value in nested(owned or {}).items():
        (params if name in params else mutable)[name] = value

    def loss_of(params: dict[str, Any], key: Any, args: tuple[Any, ...]) -> Any:
        given = {**constrain(params), **reseeded(mutable, key)}
        return of_svi.loss(key, given, model, attached, *args)

    def block(params: dict[str, Any], key: Any, args: tuple[Any, ...]) -> Any:
        def one(carry: Any, numbered: Any) -> Any:
            count, key = numbered
            value = jax.value_and_grad(loss_of)(params, key, args)
            pairs = jax.tree.map(functools.partial(welford, count), *carry, value)
            return jax.tree.transpose(jax.tree.structure(value), _PAIR, pairs), None

        zeros = jax.tree.map(jnp.zeros_like, (jnp.zeros(()), params))
        numbered = jnp.arange(1, block_size + 1), random.split(key, block_size)
        return lax.scan(one, (zeros, zeros), numbered)[0]

    keys = random.split(random.PRNGKey(seed), blocks + 1)[1:]
    compiled = traced(block, (params, keys[0], args))
    means, squares, losses, seconds = [], [], [], []
    for key in keys:
        began = time.perf_counter()
        (loss, mean), (_, square) = jax.block_until_ready(compiled(params, key, args))
        seconds.append((time.perf_counter() - began) / block_size)
        losses.append(float(loss))
        means.append(public_names(flatten(mean)))
        squares.append(public_names(flatten(square)))
    return GradientMoments(
        means=_stacked(means),
        squares=_stacked(squares),
        losses=np.array(losses),
        seconds=np.array(seconds),
        block_size=block_size,
    )


def _stacked(blocks: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    return {n: np.stack([part[n] for part in blocks], dtype=np.float64) for n in blocks[0]}
