"""Scores and gradients of a pair on either engine, at given parameters, for tests.

What NumPyro computes is one compiled program, as compiling each of its steps would take longer; and
pairs that differ in the values of their parameters alone share it.
"""

from __future__ import annotations

from typing import Any, cast

import jax
import numpy as np
import numpyro
import torch
from jax import random
from jax.extend import core
from numpy.typing import NDArray
from numpyro.infer import SVI
from pyro import poutine
from pyro.poutine.util import site_is_subsample

from inference import ELBO
from inference.engines import load_engine

Arrays = dict[str, NDArray[Any]]
Batch = tuple[NDArray[Any], ...]
_programs: dict[str, Any] = {}


def compiled(function: Any, *args: Any) -> Any:
    """What a function of arrays returns; two that trace alike are compiled once.

    Arrays that a function closes over, as a pair's initial parameters, are passed to what is
    compiled: they are no part of it.
    """
    closed, made = jax.make_jaxpr(function, return_shape=True)(*args)
    leaves, structure = jax.tree.leaves(args), jax.tree.structure(made)
    if _holds_arrays(closed.jaxpr):
        return jax.tree.unflatten(structure, jax.jit(core.jaxpr_as_fun(closed))(*leaves))

    def run(consts: list[Any], leaves: list[Any]) -> list[Any]:
        return core.jaxpr_as_fun(closed.replace(consts=consts))(*leaves)

    program = _programs.setdefault(str(closed.jaxpr), jax.jit(run))
    return jax.tree.unflatten(structure, program(list(closed.consts), leaves))


def _holds_arrays(jaxpr: Any) -> bool:
    """Whether a function within has arrays of its own, which its text does not show."""
    inner = [
        part
        for equation in jaxpr.eqns
        for value in equation.params.values()
        for part in (value if isinstance(value, (tuple, list)) else [value])
        if isinstance(part, (core.ClosedJaxpr, core.Jaxpr))
    ]
    return any(getattr(part, "consts", ()) for part in inner) or any(
        _holds_arrays(getattr(part, "jaxpr", part)) for part in inner
    )


def kernel_names(values: Arrays) -> Arrays:
    """Torch names and layouts of a NumPyro pair's parameters."""
    renamed = {}
    for name, value in values.items():
        if name.endswith(".kernel"):
            renamed[name.removesuffix("kernel") + "weight"] = value.T
        else:
            renamed[name] = value
    return renamed


def numpyro_site_params(pair: Any, batch: Batch) -> dict[str, Any]:
    """The parameter sites of a NumPyro pair with their initial values."""
    svi = SVI(pair.model, pair.guide, numpyro.optim.Adam(1e-3), ELBO())
    return compiled(lambda key: svi.get_params(svi.init(key, *batch)), random.PRNGKey(0))


def drawn_latents(pair: Any, batch: Batch, seed: int = 2) -> Arrays:
    """One draw of a pair's latents from its guide."""
    if pair.engine == "pyro":
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            nodes = poutine.trace(pair.guide).get_trace(*map(torch.tensor, batch)).nodes
        return {
            name: cast(torch.Tensor, site["value"]).numpy()
            for name, site in nodes.items()
            if site["type"] == "sample" and not (site["is_observed"] or site_is_subsample(site))
        }

    def draw(key: Any, *batch: Any) -> dict[str, Any]:
        guide = numpyro.handlers.seed(pair.guide, key)
        trace = numpyro.handlers.trace(guide).get_trace(*batch)
        return {
            name: site["value"]
            for name, site in trace.items()
            if site["type"] == "sample" and not site["is_observed"]
        }

    return {name: np.asarray(v) for name, v in compiled(draw, random.PRNGKey(seed), *batch).items()}


def log_densities(pair: Any, batch: Batch, z: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    """log p(x, z) and log q(z | x) per datum, by plain handlers of the pair's own library.

    Latents that all data share count with each.
    """
    if pair.engine == "pyro":
        with torch.no_grad():
            data = [torch.tensor(array) for array in batch]
            own = poutine.trace(pair.model).get_trace(*data).nodes  # Pyro's 0 and 1 are floats
            latents = {n: torch.tensor(v).to(own[n]["value"].dtype) for n, v in z.items()}
            scores = []
            for program in (pair.model, pair.guide):
                trace = poutine.trace(poutine.condition(program, data=latents)).get_trace(*data)
                trace.compute_log_prob()
                sites = [
                    cast(torch.Tensor, site["log_prob"])
                    for site in trace.nodes.values()
                    if site["type"] == "sample" and not site_is_subsample(site)
                ]
                scores.append(sum(sites, torch.zeros(len(data[0]))).numpy())
        return scores[0], scores[1]

    def score(z: Any, *batch: Any) -> list[Any]:
        scores = []
        for program in (pair.model, pair.guide):
            substituted = numpyro.handlers.substitute(
                numpyro.handlers.seed(program, random.PRNGKey(0)), data=z
            )
            trace = numpyro.handlers.trace(substituted).get_trace(*batch)
            sites = [s["fn"].log_prob(s["value"]) for s in trace.values() if s["type"] == "sample"]
            scores.append(sum(sites, np.zeros(len(batch[0]), np.float32)))
        return scores

    log_p, log_q = compiled(score, z, *batch)
    return np.asarray(log_p), np.asarray(log_q)


def gradients(
    pair: Any, objective: Any, args: tuple[Any, ...], repeats: int, *, values: Arrays | None = None
) -> tuple[Arrays, NDArray[np.float64]]:
    """Gradients of the objective's loss by parameter name, (repeats, ...), and its values.

    `values` replaces the pair's parameters; their names must be the pair's.
    """
    return load_engine(pair.engine).gradients(pair, objective, args, repeats, values=values)
