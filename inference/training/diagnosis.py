"""Where a number first stopped being finite, for the words of a `DivergenceError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.checking.context import Context
from inference.engines import load_engine
from inference.program.batches import Batch
from inference.program.program import is_owned
from inference.program.records import RecordedSite
from inference.program.trainer import Trainer
from inference.training.checkpoints import Checkpoint
from inference.training.sources import Source

_MOST_STEPS = 2000  # that are taken again to see the last step's parameters


def culprit(
    pair: Any, engine: str, trainer: Trainer, source: Source, good: Checkpoint, step: int
) -> str:
    """A sentence about the first number that is not finite; empty if none is found.

    Takes the steps since the last good state again, up to the one that failed, and looks at model
    and guide with the parameters of then, in the order in which they run.

    Args:
        pair: as it was before it was trained.
        engine: the pair's.
        trainer: that met the number.
        source: of its batches.
        good: the last good state.
        step: the step whose loss is not finite, counted from 1.
    """
    batches = source.suspects()
    before = _values_before(trainer, source, good, step)
    bad = {n for n, v in before.items() if not np.isfinite(v).all()}
    if found := sorted(bad - {n for n, v in good.values.items() if not np.isfinite(v).all()}):
        return f"Parameter {found[0]!r} was not finite before that step."
    kept = {name: array for name, array in before.items() if not is_owned(name)}
    for batch in batches:
        then = load_engine(engine).rebuild(pair, kept, batch.arrays, batch.form)
        if found := _first(then, engine, batch):
            return found
    return ""


def _values_before(
    trainer: Trainer, source: Source, good: Checkpoint, step: int
) -> dict[str, NDArray[Any]]:
    """The trained values before a step, as far as they can be had again."""
    begun = int(good.progress["step"])
    if not source.repeats or step - 1 - begun > _MOST_STEPS:
        return good.values
    own = source.state()
    trainer.restore({name: array for name, array in good.state.items() if name not in own})
    while begun < step - 1:
        begun += len(trainer.run(begun, step - 1))
    return trainer.values()


def _first(pair: Any, engine: str, batch: Batch) -> str:
    """The first site on a batch at which something is not finite, in a sentence."""
    args, kwargs = batch.form.fill(batch.arrays, np.asarray)
    context = Context(pair, args, engine, named=kwargs)
    parts: Mapping[str, Mapping[str, RecordedSite]] = {
        "guide": context.guide.sites,
        "model": context.model.sites,
    }
    for part, sites in parts.items():
        for name, site in sites.items():
            if what := _trouble(site):
                where = f" ({site.line})" if site.line else ""
                return f"In the {part}, site {name!r}{where} is the first: {what}."
    return ""


def _trouble(site: RecordedSite) -> str:
    """What is not finite at a site; empty if all is."""
    if site.invalid:
        return f"its {' and '.join(site.invalid)} is NaN, or not what its distribution allows"
    if site.value.dtype.kind == "f" and not np.isfinite(site.value).all():
        return "its value is NaN or infinite"
    if not np.isfinite(site.log_prob).all():
        worst = site.log_prob[~np.isfinite(site.log_prob)].ravel()[0]
        return f"its log density is {worst}"
    return ""
