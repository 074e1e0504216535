"""Pyro's and NumPyro's own losses, on the same programs as the zoo's objectives."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from inference.estimators.certificate.cases import CASES
from inference.estimators.certificate.certify import Setting
from inference.estimators.certificate.programs import PROGRAMS
from inference.objectives import ELBO, IWAE, RWS, Objective, TailAdaptive

_SUBSAMPLED_ROWS = 4


@dataclass(frozen=True)
class Loss:
    """A loss of a library.

    Attributes:
        engine: the library.
        name: its class, in the library's `infer`.
        stands_for: the objective of K particles that sets out to estimate the same.
        options: what it is constructed with, besides K.
        sums: whether it sums over the states of discrete latents, where it can; a parameter of
            programs that say which those are.
    """

    engine: str
    name: str
    stands_for: Callable[[int], Objective]
    options: dict[str, Any]
    sums: bool = False


_VECTORISED = {"vectorize_particles": True, "max_plate_nesting": 1}
LOSSES = (
    Loss("pyro", "Trace_ELBO", ELBO, _VECTORISED),
    Loss("pyro", "TraceGraph_ELBO", ELBO, _VECTORISED),
    Loss("pyro", "TraceMeanField_ELBO", ELBO, _VECTORISED),
    Loss("pyro", "RenyiELBO", IWAE, {"alpha": 0.0, **_VECTORISED}),
    Loss("pyro", "ReweightedWakeSleep", RWS, _VECTORISED),
    Loss("pyro", "TraceTailAdaptive_ELBO", TailAdaptive, _VECTORISED),
    Loss("numpyro", "Trace_ELBO", ELBO, {}),
    Loss("numpyro", "TraceGraph_ELBO", ELBO, {}),
    Loss("numpyro", "TraceMeanField_ELBO", ELBO, {}),
    Loss("numpyro", "RenyiELBO", IWAE, {"alpha": 0.0}),
)
SUMMING = (
    Loss("pyro", "TraceEnum_ELBO", ELBO, {"max_plate_nesting": 1}, sums=True),
    Loss("numpyro", "TraceEnum_ELBO", ELBO, {"max_plate_nesting": 1}, sums=True),
)
_NESTED = frozenset(name for name in PROGRAMS if name.startswith("nested"))
_SUMMABLE = _NESTED | {"mixture", "switched mixture"}  # discrete sites of one value each


def upstream_settings(num_particles: int, *, rows: int = 20) -> Iterator[Setting]:
    """One entry for each loss and case, and for a subsampled plate."""
    for loss in LOSSES:
        library = importlib.import_module(f"{loss.engine}.infer")
        objective = loss.stands_for(num_particles)
        pathwise = isinstance(objective, TailAdaptive)  # and says so; its theta has no bound
        for case in ("reparameterised",) if pathwise else CASES:
            for count, subsampled in ((rows, False), (_SUBSAMPLED_ROWS, True)):
                if subsampled and case != "reparameterised":
                    continue
                yield Setting(
                    label=loss.name,
                    objective=getattr(library, loss.name)(
                        num_particles=num_particles, **loss.options
                    ),
                    num_particles=num_particles,
                    case=case,
                    engine=loss.engine,
                    rows=count,
                    subsampled=subsampled,
                    stands_for=objective,
                    guide_only=pathwise,
                )


def upstream_of_programs(num_particles: int, names: Collection[str]) -> Iterator[Setting]:
    """One entry for each loss and program that it can be held against an exact gradient on.

    Losses of several particles weigh the draws of all data together where a latent is global, so
    that what they set out to estimate is not the nested bound: these are left out.
    """
    for loss in (*LOSSES, *SUMMING):
        library = importlib.import_module(f"{loss.engine}.infer")
        objective = loss.stands_for(num_particles)
        pathwise = isinstance(objective, TailAdaptive)
        for name in names:
            program = PROGRAMS[name]
            local = "g" not in program.latents
            if (loss.sums and name not in _SUMMABLE) or not (local or isinstance(objective, ELBO)):
                continue
            if pathwise and "Gaussian" not in name and name != "flow likelihood":
                continue
            options = dict(loss.options)
            if name in _NESTED and "max_plate_nesting" in options:
                options["max_plate_nesting"] = 2
            yield Setting(
                label=loss.name,
                objective=getattr(library, loss.name)(num_particles=num_particles, **options),
                num_particles=num_particles,
                case=name,
                engine=loss.engine,
                rows=program.rows,
                subsampled=False,
                stands_for=objective,
                guide_only=pathwise,
                enumerated=loss.sums,
            )
