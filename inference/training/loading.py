"""`load_run`: a run from its folder."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from inference.arguments import check_path
from inference.data.call import batch_from
from inference.data.pair_arrays import precision_of
from inference.engines import load_engine
from inference.errors import ArgumentError, PairError, RunFolderError
from inference.objectives import parse_objective
from inference.pairs import check_pair_type, explaining
from inference.program.batches import Batch
from inference.program.program import is_owned
from inference.training.folder import RunFolder
from inference.training.rebuilding import rebuild_pair
from inference.training.run import Run
from inference.training.state import State


def load_run(
    path: str | os.PathLike[str],
    *,
    pair: Any = None,
    batch: Any = (),
    objective: Any = None,
) -> Run:
    """Read a run from its folder, at its newest checkpoint.

    Args:
        path: the `out=` of a `fit`.
        pair: the untrained pair; needed if it was not one of the zoo's.
        batch: some rows of data for the pair, in any form that a batch of `fit` has; needed for
            bare Pyro functions, whose parameters exist only once they have run.
        objective: the objective, with the critic that it had, to ask `run.critic`; not needed if
            its networks are the zoo's own.

    Raises:
        RunFolderError: if there is no run, no checkpoint yet, or a damaged one.
    """
    folder = RunFolder(check_path("path", path))
    spec = folder.read_spec()
    if "engine" not in spec.get("pair", {}) or "data" not in spec:
        raise RunFolderError(
            f"{folder.spec_path} is damaged (it does not name pair and data). Restore it from a "
            "copy, or choose another folder and fit again."
        )
    if pair is not None:
        check_pair_type(pair)
    untrained = rebuild_pair(spec["pair"]) if pair is None else pair
    checkpoint = folder.load()
    if checkpoint is None:
        raise RunFolderError(
            f"{folder.path} has no checkpoint yet: the run has not come to its first one, or "
            "ended before. Wait for it if it still runs, else run it again with resume=True."
        )
    engine = load_engine(spec["pair"]["engine"])
    if _is_none(batch):
        batch = untrained.example() if hasattr(untrained, "example") else ()
    state = State.from_dict(checkpoint.progress)
    stand = folder.read_stand()
    values = checkpoint.values
    if checkpoint.best is not None and not state.best_at_end:
        values = checkpoint.best
    kept = {name: array for name, array in values.items() if not is_owned(name)}
    real = precision_of(untrained, spec["pair"]["engine"])
    rows = Batch(()) if _is_none(batch) else batch_from(untrained, batch, real)
    try:
        fitted = explaining(lambda b: engine.rebuild(untrained, kept, b.arrays, b.form), rows)
    except PairError as error:
        if rows.arrays or error.__cause__ is None:
            raise
        raise RunFolderError(
            f"the pair of {folder.path} cannot be run without data, and functions have parameters "
            "only once they have run: pass some rows such as those that it was fitted on, "
            "load_run(folder, pair=..., batch=x[:10])."
        ) from error
    if objective is None:
        with contextlib.suppress(ArgumentError):  # a loss of the libraries, or a critic of yours
            objective = parse_objective(spec["objective"])
    shape = spec["data"].get("image_shape")
    return Run(
        pair=fitted,
        parameters=engine.parameters(fitted),
        spec=spec,
        status=state.status if stand is None else stand.at(state.step, folder.path),
        step=state.step,
        folder=folder.path,
        rows=state.history,
        image_shape=None if shape is None else (shape[0], shape[1]),
        objective=objective,
        owned={name: array for name, array in values.items() if is_owned(name)},
    )


def _is_none(batch: Any) -> bool:
    """Whether no batch was given."""
    return batch is None or (isinstance(batch, (tuple, list, dict)) and not batch)
