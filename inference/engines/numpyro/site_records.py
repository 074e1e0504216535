"""What is written down of each site while a program runs on NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpyro.primitives import Messenger

from inference.engines.numpyro.discrete import counted
from inference.errors import PairError
from inference.program.densities import unscored
from inference.program.distributions import counting, support_of
from inference.program.records import calling_line, is_lent


class Lines(Messenger):
    """Notes where each sample statement is, which are in a scan, and whether there is noise.

    Attributes:
        found: site to line.
        lent: names of parameters that the library asked for; see `Recorded`.
        steps: names of sites in a scan.
        noisy: whether random numbers were drawn that no sample statement shows.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__(fn)
        self.found: dict[str, str] = {}
        self.lent = set[str]()
        self.steps = set[str]()
        self.noisy = False

    def process_message(self, msg: Any) -> None:
        """Note where a statement is, and noise."""
        if msg["type"] == "sample":
            self.found[msg["name"]] = calling_line()
        if msg["type"] == "param" and is_lent():
            self.lent.add(msg["name"])
        self.noisy |= msg["type"] == "prng_key"

    def postprocess_message(self, msg: Any) -> None:
        """Note what a scan has drawn and observed."""
        if msg["type"] == "control_flow":
            _, rest = msg["value"]
            if isinstance(rest, tuple):  # of a cond it is the trace alone, and no steps
                self.steps |= set(getattr(rest[0], "trace", ()))


def arrays_of(run: Mapping[str, Any], line: str = "") -> dict[str, Any]:
    """What is recorded of a site, as far as it is arrays.

    Raises:
        PairError: naming the site and its line, if it has no density of its value.
    """
    fn = base = run["fn"]
    while hasattr(base, "base_dist"):
        base = base.base_dist
    fits = {
        name: _meets(constraint, base.__dict__[name])
        for name, constraint in getattr(base, "arg_constraints", {}).items()
        if base.__dict__.get(name) is not None
    }
    support = support_of(fn)
    try:
        log_prob = _scored(run)
    except Exception as error:
        shapes, came = (fn.batch_shape, fn.event_shape), f"a value of shape {run['value'].shape}"
        said = unscored(run["name"], line, distribution_name(fn), shapes, came, error)
        raise PairError(said) from error
    return {
        "value": run["value"],
        "log_prob": log_prob,
        "scale": 1.0 if run["scale"] is None else jnp.mean(run["scale"]),
        "supported": _meets(support, run["value"], counts=counting(fn)),
        "counted": counted(fn),
        "fits": fits,
    }


def _meets(constraint: Any, value: Any, *, counts: Any = True) -> Any:
    """Whether a value meets a constraint where it counts; True where nothing is known of it."""
    while (base := getattr(constraint, "base_constraint", None)) is not None:
        constraint = base
    if constraint is None:
        return True
    try:
        found = constraint(value)
    except (ValueError, NotImplementedError):  # it depends on other arguments
        return True
    try:
        return jnp.all(found | ~jnp.asarray(counts))
    except (ValueError, TypeError):  # of other shapes, which have checks of their own
        return jnp.all(found)


def in_numpy(found: dict[str, Any]) -> dict[str, Any]:
    """What `arrays_of` gave, in numpy and under the names of `RecordedSite`."""
    return {
        "value": np.asarray(found["value"]),
        "log_prob": np.asarray(found["log_prob"]),
        "scale": float(found["scale"]),
        "supported": np.asarray(found["supported"]),
        "counted": np.asarray(found["counted"]),
        "invalid": tuple(name for name, fits in found["fits"].items() if not fits),
    }


def _scored(run: Mapping[str, Any]) -> Any:
    given = (run["intermediates"],) if run.get("intermediates") else ()
    log_prob = run["fn"].log_prob(run["value"], *given)
    return log_prob if run["scale"] is None else run["scale"] * log_prob


def log_prob_sum(sites: Mapping[str, Mapping[str, Any]]) -> Any:
    """The log density of all sites of a run."""
    return sum(_scored(site).sum() for site in sites.values())


def distribution_name(fn: Any) -> str:
    """The name of a distribution's class, without what is wrapped around it."""
    while type(fn).__name__ in ("Independent", "ExpandedDistribution", "MaskedDistribution"):
        fn = fn.base_dist
    return type(fn).__name__
