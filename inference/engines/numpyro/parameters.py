"""Parameters of a pair on NumPyro: names and values, the pair at others, and whether any learns."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
from numpy.typing import NDArray
from numpyro.handlers import block

from inference.engines.numpyro.factors import flow
from inference.engines.numpyro.keys import as_key, as_numpy, as_tree, is_key, kind_of
from inference.engines.numpyro.pairs import StoredPair, as_array, parts
from inference.engines.numpyro.sketch import only
from inference.engines.numpyro.traces import parameters_in, run, traces
from inference.errors import ArgumentError, RunFolderError
from inference.program.batches import Form, leading, plain_form
from inference.program.surrogate import Surrogate, nothing_to_learn

_GENERATOR = "generator"


def parameters(pair: StoredPair) -> dict[str, NDArray[Any]]:
    """Parameter sites, some of them trees, as name to array: `decoder.layers.0.kernel`."""
    return public_names(flatten(pair.values))


def params(pair: StoredPair) -> dict[str, Any]:
    """Parameter sites and networks' state by name, nested as the programs ask for them."""
    return jax.tree.map(lambda leaf: leaf, pair.values)


def public_names(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What `flatten` made, under names to read; without batch normalisation's averages."""
    named = {}
    for path, array in flat.items():
        site, *keys = json.loads(path)
        if not site.endswith("$state"):
            words = (str(key[0] if isinstance(key, list) else key) for key in keys)
            named[".".join([site.removesuffix("$params"), *words])] = array
    return named


def flatten(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Nested dictionaries of arrays as one level, each name a JSON list of keys.

    The position in a list or tuple is written as a list of its own: `[0]`. A random key has one
    more entry, the name of its generator: `{"generator": "threefry2x32"}`.
    """
    flat = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(values))[0]:
        keys = [getattr(s, "key", [s.idx] if hasattr(s, "idx") else str(s)) for s in path]
        keys += [{_GENERATOR: kind_of(leaf)}] if is_key(leaf) else []
        flat[json.dumps(keys)] = as_numpy(leaf)
    return flat


def stored(
    pair: Any, values: Mapping[str, NDArray[Any]], template: Mapping[str, Any]
) -> StoredPair:
    """The fitted pair from what `flatten` made of values that are nested as the template's.

    Raises:
        RunFolderError: if the names or shapes are not the template's.
    """
    own = flatten(template)
    if {n: v.shape for n, v in own.items()} != {n: v.shape for n, v in values.items()}:
        raise RunFolderError(
            "the checkpoint holds other parameters than this pair; pass the pair that wrote it, or "
            "choose another out=."
        )
    nested = as_tree([values[name] for name in own], dict(template))
    return StoredPair(pair.wrapped if isinstance(pair, StoredPair) else pair, nested)


def rebuild(
    pair: Any,
    values: Mapping[str, NDArray[Any]],
    batch: tuple[Any, ...],
    form: Form | None = None,
) -> StoredPair:
    """The fitted pair from what `flatten` made.

    Running it on `batch` shows how its parameters are nested; where they are all in dictionaries,
    that is known without.

    Args:
        pair: the untrained pair.
        values: what `flatten` made.
        batch: arrays of some rows of data.
        form: how they make up what model and guide take.

    Raises:
        RunFolderError: if a name is not one that `flatten` writes, the parameters are not the
            pair's, or a batch is needed.
    """
    form = plain_form(len(batch)) if form is None else form
    if batch or not form.plain:
        args, kwargs = form.fill(tuple(map(jax.numpy.asarray, batch)), as_array)

        def first(key: Any, given: Any) -> dict[str, Any]:
            return parameters_in(*traces(key, {}, *parts(pair), *given))

        asked = jax.random.PRNGKey(0), (args, kwargs)
        found = only(first, parts(pair), *asked)
        return stored(pair, values, first(*asked) if found is None else found)
    inner = pair.wrapped if isinstance(pair, StoredPair) else pair
    return StoredPair(inner, nested(values))


def nested(values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What `flatten` made, as nested dictionaries.

    Raises:
        RunFolderError: if a name is not one that `flatten` writes, or there were lists.
    """
    tree: dict[str, Any] = {}
    for name, array in values.items():
        try:
            *parents, last = json.loads(name)
        except ValueError as error:
            raise RunFolderError(f"{name!r} is no parameter of a NumPyro run.") from error
        if isinstance(last, dict):
            array, last = as_key(array, last[_GENERATOR]), parents.pop()
        if any(isinstance(key, list) for key in (*parents, last)):
            raise RunFolderError(
                "the run's parameters are nested in lists; pass some rows of data to find out how: "
                "load_run(folder, pair=..., batch=...)."
            )
        branch = tree
        for key in parents:
            branch = branch.setdefault(key, {})
        branch[last] = jax.numpy.asarray(array)
    return tree


def check_learns(
    objective: Any,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Refuse a pair of which nothing that an objective looks at can be trained.

    Args:
        objective: the objective, or a loss of NumPyro's.
        params: what `SVI` would train.
        model: the model.
        args: what it takes.
        kwargs: the same by name.

    Raises:
        ArgumentError: if neither model nor guide has a parameter.
        ObjectiveError: if the objective looks at the model alone, and only the guide has any, or
            at means that the model returns, and no parameter changes them.
    """
    if not params:
        raise ArgumentError(
            "the pair has no parameters to train: neither model nor guide called numpyro.param "
            "or a module of numpyro.contrib."
        )
    if isinstance(objective, Surrogate) and not objective.uses_guide:
        with block():
            sites = run(model, jax.random.PRNGKey(0), args, kwargs).trace.values()
        if not any(site["type"] == "param" for site in sites):
            raise nothing_to_learn(objective)
        drawing = leading(model, getattr(objective, "keeps", 0))
        if getattr(objective, "draw", "") == "mean" and not means_learn(params, drawing, args):
            raise nothing_to_learn(objective)


def means_learn(
    params: Mapping[str, Any], model: Callable[..., Any], args: tuple[Any, ...]
) -> bool:
    """Whether what a model returns, drawing data, changes with what is trained.

    Args:
        params: that.
        model: the model.
        args: what it takes by position.
    """

    def means(params: Mapping[str, Any]) -> Any:
        key, given = jax.random.PRNGKey(0), (None, *args[1:])
        return run(model, key, given, params=params, size=len(args[0])).returned

    try:
        with warnings.catch_warnings(), block():
            warnings.simplefilter("ignore")
            jaxpr = jax.make_jaxpr(means)(params).jaxpr
    except Exception:  # whatever it is, the first step meets it next, and says so
        return True
    reached = flow(jaxpr, [{"parameters"} for _ in jaxpr.invars], but=("stop_gradient",))
    return any(reached) or not reached  # a generator may return nothing of what it computes
