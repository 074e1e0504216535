"""What the factor statements of a NumPyro model depend on, and data that it makes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import random
from numpyro.distributions import Unit

from inference.engines.numpyro.traces import Trace, run
from inference.program.distributions import flatness, unwrapped
from inference.program.sites import DATA, LATENTS, PARAMETERS
from inference.program.structure import data_arguments


def is_factor(fn: Any) -> bool:
    """Whether a site's distribution is that of a factor statement."""
    return any(isinstance(part, Unit) for part in unwrapped(fn))


def sources(
    model: Callable[..., Any],
    model_trace: Trace,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> dict[str, tuple[str, ...]]:
    """By factor statement of a model, what its value is computed from; one more run if it has any.

    So is what observes no argument, where the prior of a latent is flat. The run is written out as
    a jaxpr, in which values are followed back to data, latents and parameters. Factors that
    upstream's reparameterisations put in place of a prior are left out.
    """
    sites = {name: site for name, site in model_trace.items() if site["type"] == "sample"}
    factors = [name for name, site in sites.items() if is_factor(site["fn"])]
    seen = {
        name: next((i for i, arg in enumerate(args) if arg is site["value"]), None)
        for name, site in sites.items()
        if site["is_observed"] and name not in factors
    }
    flat = any(flatness(site["fn"]) for site in sites.values() if not site["is_observed"])
    every = [*factors, *(name for name in seen if flat and seen[name] is None)]
    if not every:
        return {}
    data = data_arguments(seen.values())
    given = {
        DATA: {i: jnp.asarray(args[i]) for i in data if _is_array(args, i)},
        LATENTS: {n: site["value"] for n, site in sites.items() if not site["is_observed"]},
        PARAMETERS: {n: s["value"] for n, s in model_trace.items() if s["type"] == "param"},
    }
    rest = {n: s["value"] for n, s in model_trace.items() if s["type"] in ("mutable", "plate")}

    def values(given: dict[str, Any]) -> list[Any]:
        substituted = rest | given[PARAMETERS] | given[LATENTS]
        own = [given[DATA].get(position, arg) for position, arg in enumerate(args)]
        found = run(model, random.PRNGKey(0), own, kwargs, params=substituted).trace
        return [jnp.asarray(_value(found[name])) for name in every]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jaxpr = jax.make_jaxpr(values)(given).jaxpr
    named = [path[0].key for path, _ in jax.tree_util.tree_flatten_with_path(given)[0]]
    found = flow(jaxpr, [{name} for name in named])
    known = {name: tuple(sorted(names)) for name, names in zip(every, found, strict=True)}
    return {name: () if _replaces_a_prior(name, sites) else known[name] for name in every}


def _value(site: Any) -> Any:
    units = (part.log_factor for part in unwrapped(site["fn"]) if isinstance(part, Unit))
    return next(units, site["value"])


def _is_array(args: tuple[Any, ...], position: int) -> bool:
    return position < len(args) and hasattr(args[position], "dtype")


def _replaces_a_prior(name: str, sites: Trace) -> bool:
    """Whether it is a prior's density that NeuTraReparam or CircularReparam has written out."""
    if name.startswith("_") and name.endswith("_log_prob"):
        return any(other.endswith("_shared_latent") for other in sites)
    return name.removesuffix("_factor") + "_unwrapped" in sites


def flow(jaxpr: Any, inputs: list[set[str]], *, but: tuple[str, ...] = ()) -> list[set[str]]:
    """What each output of a jaxpr is computed from.

    Args:
        jaxpr: the operations.
        inputs: what each input stands for.
        but: operations behind which nothing is followed.
    """
    known: dict[Any, set[str]] = dict(zip(jaxpr.invars, inputs, strict=True))

    def of(variable: Any) -> set[str]:
        return set() if hasattr(variable, "val") else known.get(variable, set())  # of a literal

    for equation in jaxpr.eqns:
        each = [of(variable) for variable in equation.invars]
        inner = equation.params.get("jaxpr")
        if equation.primitive.name in but:
            found = [set() for _ in equation.outvars]
        elif equation.primitive.name in ("jit", "pjit") and inner is not None:
            found = flow(inner.jaxpr, each, but=but)
        elif equation.primitive.name == "scan":
            found = _through_steps(equation.params, each, but)
        else:
            found = [set().union(*each)] * len(equation.outvars)
        known |= dict(zip(equation.outvars, found, strict=True))
    return [of(variable) for variable in jaxpr.outvars]


def _through_steps(params: Any, inputs: list[set[str]], but: tuple[str, ...]) -> list[set[str]]:
    """What a scan's outputs are computed from: what it carries is that of all steps."""
    first, count = params["num_consts"], params["num_carry"]
    fixed, carried, rows = inputs[:first], inputs[first : first + count], inputs[first + count :]
    while True:
        found = flow(params["jaxpr"].jaxpr, [*fixed, *carried, *rows], but=but)
        more = [old | new for old, new in zip(carried, found[:count], strict=True)]
        if more == carried:
            return [*carried, *found[count:]]
        carried = more
