"""A row: a published figure, and everything that is needed to find ours beside it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from inference.errors import ArgumentError
from inference.objectives import parse_objective
from inference.published.entries import Entries
from inference.published.estimator import Estimator
from inference.training.fit import fit

Budget = Literal["short", "full"]
Known = Literal["read", "quoted", "memory"]
BUDGETS: tuple[Budget, ...] = ("short", "full")
KNOWN: tuple[Known, ...] = ("read", "quoted", "memory")
FOLDER = Path(__file__).parent / "rows"
_OWN = ("objective", "seed", "out", "resume", "progress", "data", "valid", "engine")
_AMOUNTS = ("epochs", "steps", "seconds")


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
        first: so many of these; None for all.
    """

    split: str = "test"
    every: int = 1
    first: int | None = None

    def of(self, data: Any) -> tuple[Any, ...]:
        """The rows of a data set."""
        return tuple(array[:: self.every][: self.first] for array in data.arrays(self.split))

    def __str__(self) -> str:
        rows = "all" if self.first is None else f"first {self.first:,}"
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
        fit: keywords of `fit` under every budget.
        budgets: budget to its keywords of `fit`.
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
            "fit": {**self.fit, **self.budgets[budget]},
        }

    def spec(self, budget: Budget, asked: Asked) -> str:
        """A hash of everything that a figure depends on, besides seeds and code."""
        return digest([self.training(budget), asked.name])


def digest(value: Any) -> str:
    """12 hex digits of a value in terms of JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def read_rows(folder: Path = FOLDER) -> dict[str, Row]:
    """All rows by name.

    Raises:
        ArgumentError: naming the file and the entry that is not right.
    """
    return {path.stem: read_row(path) for path in sorted(folder.glob("*.toml"))}


def read_row(path: Path) -> Row:
    """One row.

    Raises:
        ArgumentError: naming the file and the entry that is not right.
    """
    try:
        entries = Entries(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} cannot be read as TOML: {error}.") from error
    objective = entries.need("objective", str, "a string such as 'iwae:num_particles=5'")
    try:
        parse_objective(objective)
    except ArgumentError as error:
        raise ArgumentError(f"{path.name}: objective: {error}") from error
    common = _keywords(entries.below("fit"))
    budgets = _budgets(entries.below("budget"))
    figures = entries.need("figure", list, "a table [[figure]] for each figure")
    row = Row(
        name=path.stem,
        title=entries.text("title") or path.stem,
        paper=entries.text("paper"),
        table=entries.text("table"),
        model=entries.need("model", str, "one of `ppl-zoo list`"),
        engine=entries.one_of("engine", ("numpyro", "pyro"), usual="numpyro"),
        options=entries.table("options"),
        data=_data(entries.below("data")),
        objective=objective,
        fit=common,
        budgets=budgets,
        seeds=_seeds(entries),
        asked=tuple(_asked(Entries(path, each, "figure."), budgets) for each in figures),
    )
    entries.done("title, paper, table, model, engine, options, data, objective, fit, budget, seeds,"
                 " figure")  # fmt: skip
    return row


def _data(entries: Entries) -> Data:
    name = entries.need("name", str, "one of ppl_models.datasets.list_datasets()")
    each, ids = entries.text("each_seed"), entries.take("id", (str, list), "a data id or several")
    found = (ids,) if isinstance(ids, str) else tuple(ids or ())
    options = entries.rest()
    if options.get("binarisation") == "grey":  # TOML has no None
        options["binarisation"] = None
    return Data(name, options, each, found)


def _seeds(entries: Entries) -> tuple[int, ...]:
    found = entries.take("seeds", (int, list), "how many, or a list") or 1
    seeds = tuple(range(found)) if isinstance(found, int) else tuple(found)
    if not seeds or len(set(seeds)) < len(seeds) or not all(type(seed) is int for seed in seeds):
        raise entries.wrong("seeds", "how many, or a list of different whole numbers", found)
    return seeds


def _keywords(entries: Entries) -> dict[str, Any]:
    accepted = set(fit.__kwdefaults__ or ()) - set(_OWN)
    found = entries.rest()
    for key in found:
        if key not in accepted:
            raise entries.wrong(key, f"a keyword of fit ({', '.join(sorted(accepted))})", key)
    return found


def _budgets(entries: Entries) -> dict[Budget, dict[str, Any]]:
    found: dict[Budget, dict[str, Any]] = {name: _keywords(entries.below(name)) for name in BUDGETS}
    entries.done(" and ".join(BUDGETS))
    for name, keywords in found.items():
        if keywords and not set(keywords) & set(_AMOUNTS):
            raise entries.wrong(name, f"a table with one of {', '.join(_AMOUNTS)}", keywords)
    given: dict[Budget, dict[str, Any]] = {name: each for name, each in found.items() if each}
    if not given:
        raise entries.wrong("short", "a table such as {epochs = 20}; or give budget.full", None)
    return given


def _asked(entries: Entries, budgets: Mapping[Budget, Any]) -> Asked:
    text = entries.need("estimator", str, "such as '-log_likelihood:num_particles=5000'")
    estimator = Estimator.parse(text)
    per = cast("Literal['datum', 'step']", entries.one_of("per", ("datum", "step"), usual="datum"))
    if per == "step" and not estimator.in_nats:
        raise entries.wrong("per", "left out for a figure that is not in nats", per)
    split = entries.one_of("split", ("train", "valid", "test"), usual="test")
    scored = Scored(split, entries.count("every") or 1, entries.count("first"))
    value, error = entries.number("published"), entries.number("published_error")
    published = None
    if value is not None:
        known = cast("Known", entries.one_of("known", KNOWN))
        published = Published(value, error, known, entries.text("note"))
    goal = entries.take("goal", (int, float, dict), "a number, or a number for each budget")
    goals: dict[Budget, float] = {}
    if goal is not None:
        goals = goal if isinstance(goal, dict) else dict.fromkeys(budgets, float(goal))
    if not set(goals) <= set(budgets):
        raise entries.wrong("goal", f"a number for {', '.join(budgets)}", goal)
    entries.done("estimator, per, split, first, every, published, published_error, known, note,"
                 " goal")  # fmt: skip
    return Asked(estimator, scored, per, published, goals)
