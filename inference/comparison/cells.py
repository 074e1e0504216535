"""One cell of a comparison: a pair under an objective from one seed, its run folder and figures."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inference.comparison.chains import holds_chains, read_chains, sampled, training_arrays
from inference.comparison.metric import Figure, Metric
from inference.data.rows import first_rows
from inference.descriptions import describe_pair, name_of, raised, words_of
from inference.engines import engine_name, load_engine
from inference.errors import RunFolderError, ZooError
from inference.objectives import ELBO, VIMCO, Objective
from inference.objectives import describe_objective as describe
from inference.posterior.sampler import Sampler
from inference.program.structure import Structure
from inference.training.fit import fit
from inference.training.folder import RunFolder
from inference.training.loading import load_run
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed
from inference.training.run import Run
from inference.training.spec import fingerprint
from inference.training.writing import write_whole, writing_into

_LONGEST_NAME = 40  # characters of a label in the name of a folder
_JUDGE_DRAWS = 16


@dataclass(frozen=True)
class Cell:
    """What to train, for how long, and where it is kept.

    Attributes:
        pair: label of the pair.
        objective: label of the objective.
        seed: of the pair's initial weights, the order of the data and all draws.
        untrained: the pair, or a function of the seed that makes it.
        learning: the objective or its string form.
        settings: keywords of `fit`, without budget and folder.
        budget: `epochs`, `steps` or `seconds`.
        data_id: what is trained and scored on.
        run_folder: where the run is.
        result_path: where its figures are.
        chains: where Markov chains of the same pair are, if they were asked for.
    """

    pair: str
    objective: str
    seed: int
    untrained: Any = field(repr=False)
    learning: Any = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    budget: Mapping[str, Any] = field(repr=False)
    data_id: str = field(repr=False)
    run_folder: Path = field(repr=False)
    result_path: Path = field(repr=False)
    chains: Path | None = field(repr=False, default=None)

    @property
    def fits(self) -> bool:
        """Whether it is a run of `fit`, and not of Markov chains."""
        return not isinstance(self.learning, Sampler)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells the cell from the others."""
        return self.pair, self.objective, self.seed

    def build(self) -> Any:
        """The untrained pair, with initial weights from the seed where it says how to make them."""
        if callable(self.untrained) and not hasattr(self.untrained, "model"):
            return self.untrained(self.seed)
        arguments = getattr(self.untrained, "hyperparameters", None)
        kind: Any = type(self.untrained)
        fitted = hasattr(self.untrained, "wrapped")  # its weights are meant to be kept
        if isinstance(arguments, dict) and "seed" in arguments and not fitted:
            return kind(**{**arguments, "seed": self.seed})
        return self.untrained


@dataclass(frozen=True)
class Result:
    """What became of a cell.

    Attributes:
        pair: label of the pair.
        objective: label of the objective.
        seed: the seed.
        engine: `"pyro"` or `"numpyro"`, or `""` if that was never known.
        status: of the run, or `"failed"`.
        step: steps taken.
        figures: metric to what it came to.
        why: what went wrong; None if nothing did.
        asked: a hash of all that was asked for, to tell whether it has to be asked again.
    """

    pair: str
    objective: str
    seed: int
    engine: str
    status: str
    step: int
    figures: dict[str, Figure]
    why: str | None
    asked: str = field(repr=False)

    @property
    def key(self) -> tuple[str, str, int]:
        """The cell's."""
        return self.pair, self.objective, self.seed

    @property
    def failed(self) -> bool:
        """Whether there is nothing to rank."""
        return self.why is not None


def finished(cell: Cell, metrics: Mapping[str, Metric]) -> Result | None:
    """The cell's result if it is known, and is what is asked for now."""
    try:
        content = read_regular(cell.result_path, MEGABYTE)
        plain = unsealed(content, cell.result_path.name, always=True)
        figures = {name: Figure(**figure) for name, figure in plain.pop("figures").items()}
        result = Result(figures=figures, **plain)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None  # not there, or half of it: it is found again
    if result.key != cell.key or not result.asked:  # another cell's, put in its place
        return None
    return result if result.asked == _asked(cell, metrics) else None


def complete(cell: Cell, data: Any, x: tuple[Any, ...], metrics: Mapping[str, Metric]) -> Result:
    """Train what is left to train and ask what has not been asked; what goes wrong is a result.

    Args:
        cell: what to do.
        data: what `fit` takes.
        x: the rows to score.
        metrics: what to ask.
    """
    engine, asked = "", _asked(cell, metrics)
    try:
        pair = cell.build()
        engine = engine_name(pair)
        if isinstance(cell.learning, Sampler):
            what = f"{cell.learning!r} from seed {cell.seed} on {cell.data_id}"
            run = sampled(cell.learning, pair, data, cell.seed, cell.run_folder, what)
            end = {"status": "finished", "step": run.diverging.size}
        else:
            run = _trained(cell, pair, engine, data)
            if run.status == "interrupted":
                raise KeyboardInterrupt  # the run is kept, and is no result yet
            end = {"status": run.status, "step": run.step}
        reference = None
        if cell.chains is not None and holds_chains(cell.chains):  # they may have failed
            reference = read_chains(cell.chains, data)
        figures = {name: metric(run, x, reference, data) for name, metric in metrics.items()}
        end |= {"figures": figures, "why": None}
    except RunFolderError:
        raise  # the folder is not ours, or the disk is full: no cell's fault
    except (Exception, SystemExit) as error:  # a metric that ends the process ends its cell
        why = words_of(error) if isinstance(error, ZooError) else raised(error)
        reached = getattr(getattr(error, "run", None), "step", 0)
        end = {"status": "failed", "step": reached, "figures": {}, "why": why}
        if isinstance(error, (MemoryError, OSError)) or "out of memory" in why.lower():
            asked = ""  # what a machine lacked it may have the next time: it is tried again
    result = Result(*cell.key, engine=engine, asked=asked, **end)
    _keep(cell, result)
    return result


def lost(cell: Cell) -> Result:
    """The result of a cell whose process died twice; not kept, so that it is tried again."""
    why = (
        "the process that trained it died twice, as it does when memory runs out; lower "
        "batch_size=, num_particles= or workers=, and compare again: what is finished is kept."
    )
    return Result(*cell.key, "", "failed", 0, {}, why, "")


def _trained(cell: Cell, pair: Any, engine: str, data: Any) -> Run:
    budget = dict(cell.budget)
    if "seconds" in budget and RunFolder(cell.run_folder).holds_run():
        done = RunFolder(cell.run_folder).load()
        budget["seconds"] -= 0 if done is None else done.progress["seconds"]
        if budget["seconds"] <= 0:
            head = first_rows(training_arrays(data))
            return load_run(cell.run_folder, pair=pair, batch=head, objective=None)
    return fit(
        pair,
        data,
        objective=cell.learning,
        **cell.settings,
        **budget,
        valid_objective=_judge(cell, pair, engine, data),
        seed=cell.seed,
        out=cell.run_folder,
        resume=True,
        progress=False,
    )


def _judge(cell: Cell, pair: Any, engine: str, data: Any) -> Objective | None:
    """Whose bound the learning curve shows: the same for all, or they could not be compared.

    It is the importance-weighted bound of 16 draws, or the ELBO where latents are not per datum.
    Where there is none, or the objective is no bound, the curve shows the objective's own.
    """
    valid = getattr(data, "valid", ())
    if len(valid) == 0 or getattr(cell.learning, "unit", Objective.unit) != Objective.unit:
        return None
    structure: Structure = load_engine(engine).structure(pair, first_rows(training_arrays(data)))
    for judge in (VIMCO(num_particles=_JUDGE_DRAWS), ELBO()):
        try:
            judge.require(structure)
        except ZooError:
            continue
        return judge
    return None


def _asked(cell: Cell, metrics: Mapping[str, Metric]) -> str:
    """A hash of everything that the result depends on."""
    # A pair that cannot be built is a result by itself.
    with contextlib.suppress(Exception, SystemExit):
        pair = cell.build()
        everything = {
            "pair": describe_pair(pair, engine_name(pair)),
            "objective": repr(own) if isinstance(own := cell.learning, Sampler) else describe(own),
            "chains": None if cell.chains is None else str(cell.chains.name),
            "settings": {key: fingerprint(value) for key, value in cell.settings.items()},
            "budget": dict(cell.budget),
            "data": cell.data_id,
            "metrics": {name: _question(metric) for name, metric in metrics.items()},
        }
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
    return ""


def _question(metric: Metric) -> str:
    """A metric, and of a function of the user's what it does: its name stays when it is mended."""
    own = name_of(metric.measure).startswith("inference.")
    return repr(metric) if own else f"{metric!r} {fingerprint(metric.measure)}"


def _keep(cell: Cell, result: Result) -> None:
    path = cell.result_path
    plain = asdict(result)
    for figure in plain["figures"].values():
        figure |= {key: None for key, v in figure.items() if isinstance(v, float) and math.isnan(v)}
    with writing_into(path.parents[1]):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, sealed(plain))


def folder_name(pair: str, objective: str, seed: int) -> str:
    """The name of a cell's folder, whatever the labels hold."""
    return f"{_plain(pair)}--{_plain(objective)}--seed{seed}"


def _plain(label: str) -> str:
    """A label as part of a file name; one that had to be changed ends with a hash of it."""
    plain = re.sub(r"[^a-z0-9_.=,]+", "-", label.lower()).strip("-.")[:_LONGEST_NAME]
    if plain == label:
        return plain
    return f"{plain}-{hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
