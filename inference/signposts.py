"""Where modules went: an import of an old path fails with the new one in its message."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "certificate": "estimators.certificate",
    "checking.registry": "checking.checks",
    "comparison.gathered": "comparison.gather",
    "comparison.report": "report",
    "comparison.scored": "comparison.evaluation_rows",
    "comparison.table": "tables",
    "engines.alone": "engines.thread_lock",
    "engines.numpyro.compiling": "engines.numpyro.compilation",
    "engines.numpyro.learnt": "engines.numpyro.parameters",
    "engines.program": "program.program",
    "engines.pyro.at_once": "engines.pyro.vectorisation",
    "engines.structure": "program.structure",
    "estimators.certificate.expected": "estimators.certificate.expectations",
    "estimators.certificate.relaxed": "estimators.certificate.relaxations",
    "evaluation": "likelihood, inference.posterior, inference.samples or inference.figures",
    "evaluation.annealing": "likelihood.annealing",
    "evaluation.arviz": "posterior.arviz",
    "evaluation.bidirectional": "likelihood.bidirectional",
    "evaluation.classification": "likelihood.classification",
    "evaluation.figures": "figures",
    "evaluation.likelihood": "likelihood.importance_sampling",
    "evaluation.posterior": "posterior",
    "evaluation.posterior.active": "posterior.active_units",
    "evaluation.posterior.ranked": "posterior.ranks",
    "evaluation.posterior.sampled": "posterior.estimates",
    "evaluation.posterior_draws": "posterior.draws",
    "evaluation.samples": "samples",
    "figures.asked": "figures.arguments",
    "laboratory": "estimators",
    "laboratory.estimators": "estimators.laboratory",
    "laboratory.requested": "estimators.request",
    "likelihood.completion": "posterior.completion",
    "likelihood.weighing": "likelihood.importance_weights",
    "mcmc": "posterior",
    "mcmc.posterior": "posterior.chains",
    "mcmc.posterior_error": "posterior.error",
    "moved": "signposts",
    "program.partly_observed": "program.obs_masks",
    "published.frame": "published.lines",
    "published.same": "published.same_models",
    "training.arrays": "data.arrays",
    "training.data": "data.training_data",
    "training.support": "data.support",
}
"""Old path to new, each below `inference`; what lies inside of a package moved with it."""


def new_path(name: str) -> str:
    """The path that took the place of an old one; empty if it is none.

    Args:
        name: the full name of a module, such as `inference.mcmc.nuts`.
    """
    old, inside = name.removeprefix("inference."), ""
    while old and name.startswith("inference."):
        if old in MOVED:
            return f"inference.{MOVED[old]}{inside if ',' not in MOVED[old] else ''}"
        old, _, last = old.rpartition(".")
        inside = f".{last}{inside}"
    return ""


class Signpost:
    """The last finder that Python asks: it finds nothing, and says where the module went."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse an old path.

        Raises:
            ModuleNotFoundError: with the new path in its message. It has no `name`, by which
                `from inference import mcmc` would say "cannot import name" instead.
        """
        del path, target
        new = new_path(name)
        if new:
            raise ModuleNotFoundError(f"{name} has moved: import {new}.")
        return None


def put_up() -> None:
    """Let imports of old paths say where the modules went."""
    if Signpost not in sys.meta_path:
        sys.meta_path.append(Signpost)
