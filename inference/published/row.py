"""A row: a published figure, and everything that is needed to find ours beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inference.data.drawn_rows import drawn_rows
from inference.errors import ArgumentError
from inference.published.estimator import Estimator

Budget = Literal["short", "full"]
Known = Literal["read", "quoted", "memory"]
BUDGETS: tuple[Budget, ...] = ("short", "full")
KNOWN: tuple[Known, ...] = ("read", "quoted", "memory")
FOLDER = Path(__file__).parent / "rows"


@dataclass(frozen=True)
class Published:
    """What somebody else has found.

    Attributes:
        value: in the figure's unit.
        error: as published, if any.
        known: whether the paper itself was read, the figure is quoted elsewhere, or it is from
            memory and nobody has looked.
        note: how that measurement differs from ours.
    """

    value: float
    error: float | None
    known: Known
    note: str

    def __str__(self) -> str:
        error = "" if self.error is None else f" ± {self.error:g}"
        return f"{self.value:g}{error} ({'from memory' if self.known == 'memory' else self.known})"


@dataclass(frozen=True)
class Scored:
    """Which data are scored.

    Attributes:
        split: `"train"`, `"valid"` or `"test"`.
        every: each such row.
        rows: so many of these; None for all.
        rows_seed: by which they are drawn; None for those that the file begins with.
    """

    split: str = "test"
    every: int = 1
    rows: int | None = None
    rows_seed: int | None = 0

    def of(self, data: Any) -> tuple[Any, ...]:
        """The rows of a data set."""
        thinned = tuple(array[:: self.every] for array in data.arrays(self.split))
        if self.rows_seed is None:
            return tuple(array[: self.rows] for array in thinned)
        return drawn_rows(thinned, self.rows, seed=self.rows_seed)

    def __str__(self) -> str:
        rows = "all" if self.rows is None else f"first {self.rows:,}"
        if None not in (self.rows, self.rows_seed):
            rows = f"{self.rows:,}, drawn by seed {self.rows_seed},"
        step = "" if self.every == 1 else f"each {self.every}th row "
        return f"{rows} of {step}{'of ' * bool(step)}{self.split}"


@dataclass(frozen=True)
class Asked:
    """One figure of a row.

    Attributes:
        estimator: how it is found.
        scored: on which data.
        per: `"datum"`, or `"step"` for nats per step of sequences.
        published: what is known from elsewhere, if anything.
        goals: budget to the figure that is to be reached.
    """

    estimator: Estimator
    scored: Scored
    per: Literal["datum", "step"]
    published: Published | None
    goals: Mapping[Budget, float]

    @property
    def unit(self) -> str:
        """Of the figure."""
        return self.estimator.unit if self.per == "datum" else "nats per step"

    @property
    def name(self) -> str:
        """What tells it from the row's other figures."""
        return f"{self.estimator.spelling} per {self.per}, {self.scored}"


@dataclass(frozen=True)
class Data:
    """What is trained on.

    Attributes:
        name: of `ppl_models.datasets.load`.
        options: its keywords.
        each_seed: the keyword that takes the seed of the run, such as a fold; empty for none.
        ids: data ids of the splits that are scored, one for each seed under `each_seed`.
    """

    name: str
    options: Mapping[str, Any]
    each_seed: str
    ids: tuple[str, ...]

    def of(self, seed: int) -> dict[str, Any]:
        """The keywords of one run."""
        return {**self.options, **({self.each_seed: seed} if self.each_seed else {})}


@dataclass(frozen=True)
class Row:
    """What to train, for how long, and what to ask.

    Attributes:
        name: of the file.
        title: a few words for a table.
        paper: authors, year, arXiv id; empty for a row that compares with nobody.
        table: where in the paper.
        model: of `ppl_models.create`.
        engine: `"numpyro"` or `"pyro"`.
        options: of the model.
        data: what is trained on.
        objective: in its string form.
        program: in place of an objective, a function of `benchmarks` that trains and scores where
            one fit is not enough, such as `"benchmarks.semi_supervised:reproduced"`.
        fit: keywords of `fit`, or of the program, under every budget.
        budgets: budget to its keywords of the same.
        seeds: of weights, batches and draws.
        asked: the figures.
    """

    name: str
    title: str
    paper: str
    table: str
    model: str
    engine: str
    options: Mapping[str, Any]
    data: Data
    objective: str
    program: str
    fit: Mapping[str, Any]
    budgets: Mapping[Budget, Mapping[str, Any]]
    seeds: tuple[int, ...]
    asked: tuple[Asked, ...] = field(repr=False)

    def training(self, budget: Budget) -> dict[str, Any]:
        """Everything that a run depends on, besides its seed.

        Raises:
            ArgumentError: if the row has no such budget.
        """
        if budget not in self.budgets:
            raise ArgumentError(
                f"row {self.name!r} has no budget {budget!r}; it has {', '.join(self.budgets)}."
            )
        return {
            "model": self.model,
            "engine": self.engine,
            "options": dict(self.options),
            "data": [self.data.name, dict(self.data.options), self.data.each_seed],
            "objective": self.objective,
            **({"program": self.program} if self.program else {}),
            "fit": {**self.fit, **self.budgets[budget]},
        }

    def spec(self, budget: Budget, asked: Asked) -> str:
        """A hash of everything that a figure depends on, besides seeds and code."""
        return digest([self.training(budget), asked.name])


def digest(value: Any) -> str:
    """12 hex digits of a value in terms of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
