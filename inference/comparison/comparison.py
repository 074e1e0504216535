"""What `compare` returns."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from inference.arguments import check_count, check_path, check_seed, check_text
from inference.comparison.cells import Cell, Result
from inference.comparison.chains import Chains, read_chains
from inference.comparison.metric import Metric
from inference.comparison.ranking import Summary, summaries
from inference.data.rows import first_rows
from inference.descriptions import describe_pair, has, plain, shown
from inference.errors import ArgumentError, RunFolderError
from inference.objectives import describe_objective
from inference.tables import PrintedTable
from inference.training.loading import load_run
from inference.training.run import Run
from inference.training.spec import difference

if TYPE_CHECKING:
    from arviz import InferenceData

    from inference.estimators.report import EstimatorReport
    from inference.figures.pictures import Picture


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Pairs under objectives, trained on equal terms and asked the same.

    It can be pickled where pairs and metrics can; a copy reads its runs from the same folder, which
    without `out=` is there as long as the first comparison is.

    Attributes:
        cells: what was trained, one for each pair, objective and seed.
        results: what became of each, in the same order.
        metrics: what was asked, by name.
        data: what was trained on.
        x: the rows that were scored.
    """

    cells: Sequence[Cell]
    results: Sequence[Result]
    metrics: Mapping[str, Metric] = field(repr=False)
    data: Any = field(repr=False)
    x: tuple[Any, ...] = field(repr=False)

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each run: labels, status, and each metric's figure."""
        rows = [
            {
                "pair": result.pair,
                "objective": result.objective,
                "engine": result.engine,
                "seed": result.seed,
                "status": result.status,
                "step": result.step,
                **{name: _value(result, name) for name in self.metrics},
                "why": result.why or "",
            }
            for result in self.results
        ]
        return PrintedTable(pd.DataFrame(rows))

    @property
    def summaries(self) -> dict[tuple[str, str], dict[str, Summary]]:
        """Mean, spread and rank of every metric, by labels of pair and objective."""
        return summaries(self.results, self.metrics)

    def table(self) -> pd.DataFrame:
        """One row for each pair and objective; mean ± standard deviation over the seeds.

        Printed, it fits 80 columns.

        With one seed it is ± the standard error over the scored rows, where the metric has one. A
        star marks the best of a metric if its lead over each of the others exceeds its error: by
        Welch's t-test over the seeds, at the level 0.05 after Bonferroni; a star in brackets the
        best of its own pair, where there are several. With one seed there is no star. The last
        column says what failed, and of how many seeds.
        """
        rows = [
            {self._heading(name): str(row[name]) for name in self.metrics}
            | {"failed": self.why(*key)}
            for key, row in self.summaries.items()
        ]
        index = pd.MultiIndex.from_tuples(list(self.summaries), names=["pair", "objective"])
        table = pd.DataFrame(rows, index=index)
        return PrintedTable(table if any(table["failed"]) else table.drop(columns="failed"))

    def why(self, pair: str, objective: str) -> str:
        """What went wrong with a pair under an objective; empty if nothing did.

        Raises:
            ArgumentError: if there is no such row.
        """
        runs = [
            r for r in self.results if _same((r.pair, r.objective, r.seed), pair, objective, None)
        ]
        if not runs:
            known = ", ".join(f"{p!r} {o!r}" for p, o in self.summaries)
            raise ArgumentError(
                f"there is no row of pair {shown(pair)} and objective {shown(objective)}; the rows "
                f"are {known}."
            )
        failed = [run for run in runs if run.why is not None]
        if not failed:
            return ""
        count = "" if len(failed) == len(runs) else f"{len(failed)} of {len(runs)} seeds: "
        return f"{count}{failed[0].why}"

    def run(self, pair: str, objective: str, seed: int | None = None) -> Run:
        """One of the runs, by its labels; the first seed's without `seed`.

        Raises:
            ArgumentError: if there is no such run, or it failed.
            RunFolderError: if its folder is damaged, or holds another run.
        """
        for cell, result in zip(self.cells, self.results, strict=True):
            same = _same((cell.pair, cell.objective, cell.seed), pair, objective, seed)
            if same and not result.failed and cell.fits:
                head = first_rows(self.x)
                fitted = cell.build()
                found = load_run(cell.run_folder, pair=fitted, batch=head, objective=cell.learning)
                if result.asked:  # gathered runs are what their folders say
                    _check_of(cell, fitted, found)
                return found
        known = ", ".join(f"{r.pair!r} {r.objective!r} {r.seed}" for r in self.results)
        raise ArgumentError(
            f"there is no finished run of pair {shown(pair)}, objective {shown(objective)}"
            f"{'' if seed is None else f', seed {shown(seed)}'}; the runs are {known}."
        )

    def chains(self, pair: str, objective: str, seed: int | None = None) -> Chains:
        """The draws of one of the Markov chains, by its labels; the first seed's without `seed`.

        Raises:
            ArgumentError: if there are none, or they failed.
        """
        for cell, result in zip(self.cells, self.results, strict=True):
            same = (
                _same((cell.pair, cell.objective, cell.seed), pair, objective, seed)
                and not cell.fits
            )
            if same and not result.failed:
                return read_chains(cell.run_folder, self.data)
        raise ArgumentError(
            f"there are no finished chains of pair {shown(pair)}, objective {shown(objective)}"
            f"{'' if seed is None else f', seed {shown(seed)}'}; runs of fit are in Comparison.run."
        )

    def to_arviz(self, *, num_draws: int = 500, seed: int = 0) -> dict[str, InferenceData]:
        """The guides' draws given the scored rows as `arviz.InferenceData`, by label.

        One for each row of the table whose guide was trained, from its first seed; see
        `inference.to_arviz` for the groups.

        Args:
            num_draws: draws of each guide.
            seed: seed of the draws.
        """
        check_count("num_draws", num_draws)
        check_seed(seed)
        found = {}
        for pair, objective in self.summaries:
            with contextlib.suppress(ArgumentError):  # it failed, or has chains
                run = self.run(pair, objective)
                if getattr(run.objective, "uses_guide", True):
                    label = f"{pair}, {objective}"
                    found[label] = run.to_arviz(*self.x, num_draws=num_draws, seed=seed)
        return found

    def plot(self) -> Picture:
        """Validation bound against steps and against seconds, a colour for each row of the table.

        The bound is the same for all, see `compare`; objectives without one are left out. A line
        is the mean over the seeds, thin ones are single runs.
        """
        from inference.comparison.curves import plot

        return plot(self)

    def to_html(
        self,
        path: str | Path,
        *,
        title: str = "Comparison",
        estimators: Mapping[str, EstimatorReport] | None = None,
    ) -> Path:
        """Write a report, one file that needs no network: table, curves, latents, samples.

        Args:
            path: of the HTML file; one of that name is replaced.
            title: of the page.
            estimators: heading to what `estimator_report` found, to be drawn as well: the
                signal-to-noise ratio of the gradients against K.

        Returns:
            The path.

        Raises:
            ArgumentError: naming the argument, or if it cannot be written there.
        """
        from inference.comparison.contents import contents
        from inference.report import write_report

        check_path("path", path)
        check_text("title", title)
        return write_report(contents(self, title, _reports(estimators)), path)

    def __repr__(self) -> str:
        failed = sum(result.failed for result in self.results)
        return (
            f"Comparison({len(self.summaries)} rows of pair and objective, {len(self.results)} runs"
            f", {failed} failed, metrics: {', '.join(self.metrics)})"
        )

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().to_html(escape=True)

    def _heading(self, name: str) -> str:
        unit = self.metrics[name].unit
        return f"{name} ({unit})" if unit else name


def _same(labels: tuple[str, str, int], pair: Any, objective: Any, seed: Any) -> bool:
    """Whether a run has these labels, whatever was given for one; any seed for None."""
    if not (isinstance(pair, str) and isinstance(objective, str)):
        return False
    whole = seed is None or (isinstance(seed, (int, np.integer)) and not isinstance(seed, bool))
    return whole and labels == (pair, objective, labels[2] if seed is None else seed)


def _reports(estimators: Any) -> Mapping[str, EstimatorReport]:
    """What `estimator_report` found, by heading.

    Raises:
        ArgumentError: if it is something else.
    """
    found = {} if estimators is None else estimators
    right = isinstance(found, Mapping) and all(
        isinstance(key, str) and has(value, "slopes", "measurements")
        for key, value in found.items()
    )
    if not right:
        raise ArgumentError(
            "estimators must be a dictionary from a heading to what estimator_report returns, got "
            f"{shown(estimators)}."
        )
    return found


def _value(result: Result, name: str) -> float | None:
    figure = result.figures.get(name)
    return None if figure is None else figure.value


def _check_of(cell: Cell, pair: Any, run: Run) -> None:
    """Check that a run is the cell's, and none that was put in its place.

    Raises:
        RunFolderError: saying what it is.
    """
    engine = run.spec["pair"]["engine"]
    asked = {
        "pair": plain(describe_pair(pair, engine)),
        "objective": describe_objective(cell.learning),
        "training": {"seed": cell.seed},
    }
    held = {**run.spec, "training": {"seed": run.spec["training"]["seed"]}}
    changed = difference({key: held[key] for key in asked}, asked)
    if changed:
        raise RunFolderError(
            f"{cell.run_folder} holds another run than this comparison's: {changed}. Put the "
            "folder back as it was, from a copy, or compare in another folder."
        )
