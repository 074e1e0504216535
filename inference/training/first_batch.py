"""The first batch: pair, data and objective are checked against each other on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from inference.data.pair_arrays import is_of_the_zoo
from inference.data.support import check_support
from inference.data.training_data import TrainingData
from inference.engines import load_engine
from inference.errors import PairError, warn_user
from inference.objectives import Objective
from inference.objectives.relaxed_draws import check_follows
from inference.objectives.rows_apart import looked_at
from inference.pairs import explaining
from inference.program.batches import Batch
from inference.program.structure import Structure
from inference.program.trainer import Settings, Trainer
from inference.training.batch_source import BatchSource
from inference.training.global_latents import check_wholes, counted
from inference.training.row_order import warn_of_cut_rows
from inference.training.sources import ArraySource


def begin(
    pair: Any,
    engine: str,
    trainer: Trainer,
    objective: Any,
    prepared: TrainingData,
    settings: Settings,
    *,
    kept: Mapping[str, Any] | None,
    repeatable: bool,
) -> tuple[ArraySource | BatchSource, Structure]:
    """Check pair, data and objective against each other on a first batch; initialise from it."""
    source: ArraySource | BatchSource
    if prepared.batches is None:
        source = ArraySource(settings)
    else:
        source = BatchSource(
            prepared.batches, pair, engine, seed=settings.seed, kept=kept, repeatable=repeatable
        )
    first = source.first()
    asked = (objective, settings.judge)
    structure = _inspected(pair, engine, trainer, asked, first)
    _require(objective, structure)
    if first.form.plain:
        check_follows(pair, engine, objective, structure, first.arrays)
    if settings.judge is not None:
        settings.judge.require(structure)
    if isinstance(source, BatchSource):
        source.beside = partial(counted, structure, pair, first, engine)
    else:
        check_wholes(structure, pair, first, engine, len(settings.arrays[0]), objective)
        warn_of_cut_rows(structure, pair, first, engine, len(settings.arrays[0]))
    checked = settings.arrays or first.arrays
    check_support(structure, checked, "the data", binarise=settings.binarise, strict=False)
    if settings.valid:
        check_support(structure, settings.valid, "the validation data", strict=False)
    if isinstance(source, BatchSource):
        looks = {_kind(first): structure}
        look = partial(_inspected, pair, engine, trainer, asked)
        source.check = partial(_check_batch, look, for_later_batches(objective), looks)
        for batch in source.kinds():
            source.check(batch)
    trainer.start(first)
    return source, structure


def _inspected(
    pair: Any, engine: str, trainer: Trainer, objectives: tuple[Any, ...], batch: Batch
) -> Structure:
    """Sites and plates on a batch, and whether its rows hang together, where that matters."""
    structure = explaining(trainer.inspect, batch)
    asked = [each for each in objectives if isinstance(each, Objective)]
    backend, form = load_engine(engine), batch.form
    if is_of_the_zoo(pair) or not asked:
        return structure
    inner = pair if form.plain else backend.on_arrays(pair, form, batch.arrays)
    return looked_at(backend, inner, batch.arrays, structure, asked)


def for_later_batches(objective: Any) -> Any:
    """A loss as it is asked about batches of which the first was found to be right."""
    return objective.for_later_batches() if isinstance(objective, Objective) else objective


def _require(objective: Any, structure: Structure) -> None:
    """Check that a loss is valid for the sites and plates."""
    if isinstance(objective, Objective):
        objective.require(structure)
        return
    sums = any(base.__name__ == "TraceEnum_ELBO" for base in type(objective).__mro__)
    try:
        structure.check_match(summed=structure.marked_for_enumeration if sums else ())
    except PairError as error:
        warn_user(f"{type(objective).__name__} trains on, but {error}")


def _kind(batch: Batch) -> Any:
    """What batches have in common whose arrays stand in the same places."""
    return len(batch.arrays) if batch.form.plain else batch.form.lifted(len(batch.arrays))[0]


def _check_batch(
    look: Callable[[Batch], Structure], objective: Any, looks: dict[Any, Structure], batch: Batch
) -> None:
    """Check that the sites of a batch can score it; batches of another kind are looked at."""
    kind = _kind(batch)
    if kind not in looks:
        looks[kind] = look(batch)
        _require(objective, looks[kind])
    check_support(looks[kind], batch.arrays, "a batch", binarise=True)
