"""Make a row's figures: train from every seed, resumably, and score."""

from __future__ import annotations

import importlib
import math
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.comparison.metric import Figure
from inference.errors import ArgumentError, RunFolderError
from inference.published.meaning import meaning
from inference.published.provenance import provenance
from inference.published.result import Result
from inference.published.row import Asked, Budget, Row, digest
from inference.training.fit import fit
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed
from inference.training.run import Run
from inference.training.writing import write_whole

_ENDS = ("finished", "stopped early", "time")


@dataclass(frozen=True)
class Measured:
    """What a program of `benchmarks` returns for one seed.

    Attributes:
        figures: estimator, as the row spells it, to the figure.
        seconds: of training.
    """

    figures: Mapping[str, Figure]
    seconds: float


@dataclass(frozen=True)
class Piece:
    """What one seed came to.

    Attributes:
        seed: of the run.
        figures: one for each that the row asks for.
        seconds: of the fit.
        data_ids: of the scored split of each figure.
        made: machine, versions, commit and date.
    """

    seed: int
    figures: tuple[Figure, ...]
    seconds: float
    data_ids: tuple[str, ...]
    made: Mapping[str, Any]


def reproduce(
    row: Row,
    budget: Budget,
    load: Callable[..., Any],
    make: Callable[[Any, int], Any],
    module: str,
    *,
    seeds: int | None = None,
    out: Path,
    progress: bool | str = "auto",
) -> list[Result]:
    """The row's figures, one result each; what is in `out` already is not done again.

    Args:
        row: what to do.
        budget: `"short"` or `"full"`.
        load: `ppl_models.datasets.load`.
        make: from a data set and a seed to the untrained pair.
        module: that the pair is in.
        seeds: how many, in place of the row's own: its first ones, and those that follow.
        out: the folder of runs.
        progress: as in `fit`.

    Raises:
        ArgumentError: if the row has no such budget, or the data are not those that it names.
        RunFolderError: if a fit was stopped on the way; no figure is made of a part.
    """
    wanted = _seeds(row, seeds)
    settings = row.training(budget)
    binarisation = ""
    pieces = []
    for number, seed in enumerate(wanted):
        data = load(row.data.name, **row.data.of(seed))
        _check_id(row, data, number)
        binarisation = data.binarisation or "grey"
        folder = out / row.name / f"{budget}-seed{seed}-{digest([settings, meaning(module)])}"
        pieces.append(_piece(row, settings, make, data, seed, folder, progress))
    command = ["ppl-zoo", "reproduce", row.name, "--budget", budget]
    command += [] if wanted == row.seeds else ["--seeds", str(len(wanted))]
    return [
        _result(row, budget, number, pieces, binarisation, module, shlex.join(command))
        for number in range(len(row.asked))
    ]


def _seeds(row: Row, count: int | None) -> tuple[int, ...]:
    if count is None:
        return row.seeds
    following = range(max(row.seeds) + 1, max(row.seeds) + 1 + count)
    return (*row.seeds, *following)[:count]


def _check_id(row: Row, data: Any, number: int) -> None:
    found = {str(data.data_id(each.scored.split)) for each in row.asked}
    if not row.data.ids:
        return
    own = row.data.ids[number : number + 1] if row.data.each_seed else row.data.ids
    if not found <= set(own):
        raise ArgumentError(
            f"row {row.name!r} is about the data {', '.join(own) or 'of fewer seeds'}, and this "
            f"machine has {', '.join(sorted(found))}; point PPL_DATA at the row's own files, or "
            "correct data.id."
        )


def _piece(
    row: Row,
    settings: dict[str, Any],
    make: Callable[[Any, int], Any],
    data: Any,
    seed: int,
    folder: Path,
    progress: bool | str,  # noqa: FBT001
) -> Piece:
    """Train and score, or read what was kept."""
    kept = folder.with_suffix(".json")
    known = _known(kept)
    left = [asked for asked in row.asked if asked.name not in known["figures"]]
    if left and row.program:
        found = _program(row.program)(seed, folder.parents[1], **settings["fit"])
        known = {
            "figures": {},
            "seconds": found.seconds,
            "made": _made(row, settings),
        }
        for asked in left:
            figure = found.figures.get(asked.estimator.spelling)
            if figure is None or figure.value is None:
                why = "" if figure is None else f": {figure.note}"
                raise ArgumentError(
                    f"program {row.program!r} gives no {asked.estimator.spelling}{why}."
                )
            known["figures"][asked.name] = asdict(figure)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, sealed(known))
    elif left:
        run = fit(
            make(data, seed),
            data,
            objective=row.objective,
            seed=seed,
            out=folder,
            resume=True,
            progress=progress,
            **settings["fit"],
        )
        if run.status not in _ENDS:
            raise RunFolderError(
                f"{folder}: the fit ended as {run.status!r} after {run.step:,} steps, and no "
                "figure is made of a part. Give the same command again; it goes on there."
            )
        known["made"] = _made(row, settings)
        known["seconds"] = float(run.rows[-1]["seconds"])
        for asked in left:
            known["figures"][asked.name] = asdict(score(run, data, asked))
            write_whole(kept, sealed(known))
    figures = tuple(Figure(**known["figures"][asked.name]) for asked in row.asked)
    ids = tuple(str(data.data_id(asked.scored.split)) for asked in row.asked)
    return Piece(seed, figures, known["seconds"], ids, known["made"])


def _known(kept: Path) -> dict[str, Any]:
    """Figures that were found before.

    Raises:
        RunFolderError: if they are not as they were written.
    """
    if not os.path.lexists(kept):
        return {"figures": {}}
    try:
        found = unsealed(read_regular(kept, MEGABYTE), kept.name)
        for figure in found["figures"].values():
            Figure(**figure)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RunFolderError(
            f"{kept} holds no figures as they were written ({error}); delete it, and they are "
            "found anew from the run beside it."
        ) from error
    return found


def _made(row: Row, settings: dict[str, Any]) -> dict[str, Any]:
    return provenance(row.engine, settings["fit"].get("device"))


def _program(path: str) -> Callable[..., Measured]:
    """A function of `benchmarks`, which only a clone has."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(
            f"program {path!r} cannot be had ({error}); rows with a program are reproduced in the "
            "root of a clone."
        ) from error


def score(run: Run, data: Any, asked: Asked) -> Figure:
    """One figure of a run, with the sign and the unit that were asked for.

    Raises:
        ArgumentError: if there is none, saying why.
    """
    x = asked.scored.of(data)
    found = asked.estimator.metric(run, x, data=data)
    if found.value is None:
        raise ArgumentError(f"there is no {asked.name}: {found.note}.")
    factor = -1.0 if asked.estimator.negative else 1.0
    if asked.per == "step":
        factor /= _steps(x)
    return Figure(factor * found.value, None if found.error is None else abs(factor) * found.error)


def _steps(x: tuple[Any, ...]) -> float:
    """Mean number of steps of the sequences; sums over rows are then divided by all steps."""
    rows, *lengths = x
    return float(np.mean(lengths[0])) if lengths else float(rows.shape[1])


def _result(
    row: Row,
    budget: Budget,
    number: int,
    pieces: Sequence[Piece],
    binarisation: str,
    module: str,
    command: str,
) -> Result:
    asked = row.asked[number]
    values = [piece.figures[number].value for piece in pieces]
    assert None not in values  # such a figure was refused before it was kept
    values = np.array(values, dtype=np.float64)
    errors = [error for piece in pieces if (error := piece.figures[number].error) is not None]
    return Result(
        row=row.name,
        budget=budget,
        model=row.model,
        module=module,
        engine=row.engine,
        objective=row.objective or row.program,
        data_id=" ".join(dict.fromkeys(piece.data_ids[number] for piece in pieces)),
        binarisation=binarisation,
        kind=str(asked.estimator.kind),
        estimator=asked.estimator.spelling,
        unit=asked.unit,
        scored=str(asked.scored),
        ours=float(np.mean(values)),
        standard_error=math.sqrt(float(np.mean(np.square(errors)))) if errors else None,
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        seeds=" ".join(str(piece.seed) for piece in pieces),
        by_seed=" ".join(f"{value:.6g}" for value in values),
        seconds=round(float(np.mean([piece.seconds for piece in pieces])), 1),
        **pieces[-1].made,
        command=command,
        spec=row.spec(budget, asked),
        meaning=meaning(module),
    )
