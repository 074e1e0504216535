"""Rows from their TOML files; what is missing, wrong or too much is refused by name."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from inference.data.drawn_rows import FIRST_IS_ROWS
from inference.errors import ArgumentError
from inference.objectives import parse_objective
from inference.published.entries import Entries
from inference.published.estimator import Estimator
from inference.published.row import (
    BUDGETS,
    FOLDER,
    KNOWN,
    Asked,
    Budget,
    Data,
    Known,
    Published,
    Row,
    Scored,
)
from inference.training.fit import fit
from inference.training.reading import MEGABYTE, read_regular

_OWN = ("objective", "seed", "out", "resume", "progress", "data", "valid", "engine")
_AMOUNTS = ("epochs", "steps", "seconds")


def read_rows(folder: Path = FOLDER) -> dict[str, Row]:
    """All rows by name.

    Raises:
        ArgumentError: naming the file and the entry that is not right.
    """
    if not folder.is_dir():
        raise ArgumentError(f"rows={str(folder)!r} is no folder of rows, such as {FOLDER}.")
    return {path.stem: read_row(path) for path in sorted(folder.glob("*.toml"))}


def read_row(path: Path) -> Row:
    """One row.

    Raises:
        ArgumentError: naming the file and the entry that is not right.
    """
    try:
        entries = Entries(path, tomllib.loads(read_regular(path, MEGABYTE, links=True).decode()))
    except (OSError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{path} cannot be read as TOML: {error}.") from error
    program, objective = entries.text("program"), entries.text("objective")
    if bool(program) == bool(objective) or not program.startswith("benchmarks." * bool(program)):
        what = "such as 'iwae:num_particles=5', or else a program 'benchmarks.module:function'"
        raise entries.wrong("objective", what, objective or program or None)
    if objective:
        try:
            parse_objective(objective)
        except ArgumentError as error:
            raise ArgumentError(f"{path.name}: objective: {error}") from error
    check = Entries.rest if program else _keywords
    common = check(entries.below("fit"))
    budgets = _budgets(entries.below("budget"), check, free=bool(program))
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
        program=program,
        fit=common,
        budgets=budgets,
        seeds=_seeds(entries),
        asked=tuple(_asked(Entries(path, each, "figure."), budgets) for each in figures),
    )
    entries.done("title, paper, table, model, engine, options, data, objective, program, fit,"
                 " budget, seeds, figure")  # fmt: skip
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


def _budgets(
    entries: Entries, keywords_of: Callable[[Entries], dict[str, Any]], *, free: bool
) -> dict[Budget, dict[str, Any]]:
    found: dict[Budget, dict[str, Any]] = {}
    for name in BUDGETS:
        found[name] = keywords_of(entries.below(name))
    entries.done(" and ".join(BUDGETS))
    for name, keywords in found.items():
        if keywords and not (free or set(keywords) & set(_AMOUNTS)):
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
    scored = _scored(entries)
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
    entries.done("estimator, per, split, every, rows, rows_seed, published, published_error, known,"
                 " note, goal")  # fmt: skip
    return Asked(estimator, scored, per, published, goals)


def _scored(entries: Entries) -> Scored:
    split = entries.one_of("split", ("train", "valid", "test"), usual="test")
    if entries.take("first", object, "") is not None:
        raise entries.refused(FIRST_IS_ROWS.format("first", "rows", "rows_seed"))
    rows, what = entries.count("rows"), "a seed, or 'none' for the rows that the file begins with"
    seed = entries.take("rows_seed", (int, str), what)
    if isinstance(seed, str) and seed != "none":
        raise entries.wrong("rows_seed", what, seed)
    if seed is not None and rows is None:
        raise entries.wrong("rows_seed", "left out without rows", seed)
    drawn_by = None if seed == "none" else int(seed or 0)
    return Scored(split, entries.count("every") or 1, rows, drawn_by)
