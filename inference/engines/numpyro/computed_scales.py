"""Scales that a NumPyro program computes: the same in model and guide, or not?

While a program is compiled, a scale such as `jnp.array(0.3)` or `w / w.mean()` has no value to
compare. It has a way in which it is computed from the batch, the parameters and the latents; two
that are computed alike from the same things are equal, and one that is computed from nothing has
its value at once.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from jax.core import Tracer, eval_jaxpr
from jax.interpreters import partial_eval

from inference.descriptions import has
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.traces import (
    Trace,
    parameters_in,
    rows_in,
    samples,
    scale_of,
    traces,
)
from inference.program.scales import TracedScale

Scales = Mapping[str, list[Any]]
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def computed_scales(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    params: Mapping[str, Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    both: tuple[Trace, Trace],
) -> tuple[Scales, Scales]:
    """What the handlers around a site multiply it with, where that has no value yet.

    By site of guide and model, for each `scale` handler: its value, or the text of how that is
    computed. One more run, of which nothing is compiled, if there are such scales.

    Args:
        model: the model.
        guide: the guide.
        params: values of parameters.
        args: what they take by position.
        kwargs: what they take by name.
        both: their traces, the guide's first.
    """
    wanted = [
        [(n, s) for n, s in samples(each) if "scales" in s and isinstance(scale_of(s), Tracer)]
        for each in both
    ]
    if not any(wanted):
        return {}, {}
    numbers = {n for n, arg in enumerate(args) if has(arg, "dtype")}
    named = {n for n, arg in kwargs.items() if has(arg, "dtype")}
    given = {
        "batch": [arg for n, arg in enumerate(args) if n in numbers],
        "named": {n: kwargs[n] for n in sorted(named)},
        "latents": {
            n: s["value"] for each in both for n, s in samples(each) if not s["is_observed"]
        },
        "params": dict(params) | parameters_in(*both) | rows_in(*both),
        "key": random.PRNGKey(0),
    }

    def sources(given: dict[str, Any]) -> list[list[Any]]:
        batch = iter(given["batch"])
        own = tuple(next(batch) if n in numbers else arg for n, arg in enumerate(args))
        steer = functools.partial(Steer, values=given["latents"])
        found = traces(
            given["key"], given["params"], model, guide, own, {**kwargs, **given["named"]}, steer
        )
        return [
            [jnp.asarray(source) for n, _ in sites for source in each[n]["scales"]]
            for each, sites in zip(found, wanted, strict=True)
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        closed = jax.make_jaxpr(sources)(given)
    each = iter(_meaning(closed, number) for number in range(len(closed.jaxpr.outvars)))
    of_guide, of_model = (
        {name: [next(each) for _ in site["scales"]] for name, site in sites} for sites in wanted
    )
    return of_guide, of_model


def described(known: list[Any], plates: float, shape: tuple[int, ...]) -> Any:
    """A site's scale from what the handlers around it multiply it with, as a `Site` has it.

    Args:
        known: for each handler what `computed_scales` says.
        plates: what the plates multiply it with.
        shape: of the scale.
    """
    texts = [source for source in known if isinstance(source, str)]
    values = [source for source in known if not isinstance(source, str)]
    if not texts:
        found = math.prod(values, start=np.float64(plates))
        return found if np.ndim(found) else float(found)
    texts += [repr((v.shape, v.tobytes())) for v in values if v.ndim]
    factor = math.prod((float(v) for v in values if not v.ndim), start=plates)
    return TracedScale(tuple(sorted(texts)), factor, shape)


def _meaning(closed: Any, number: int) -> Any:
    """An output's value if it depends on nothing, or else the text of how it is computed."""
    outputs = len(closed.jaxpr.outvars)
    jaxpr, inputs = partial_eval.dce_jaxpr(closed.jaxpr, [n == number for n in range(outputs)])
    read = {id(v) for equation in jaxpr.eqns for v in equation.invars} | {id(jaxpr.outvars[0])}
    pairs = list(zip(jaxpr.constvars, closed.consts, strict=True))
    own = [constant for variable, constant in pairs if id(variable) in read]
    if any(inputs) or any(isinstance(constant, Tracer) for constant in own):
        told = [
            id(c) if isinstance(c, Tracer) else (np.shape(c), np.asarray(c).tobytes()) for c in own
        ]
        return _ADDRESS.sub("", f"{jaxpr} {inputs} {told}")
    with jax.ensure_compile_time_eval():
        return np.asarray(eval_jaxpr(jaxpr, closed.consts)[0], dtype=np.float64)
