"""Rows: what a file says, what is refused by name, and that every row of the package can be run."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from inference.cli.settings import hyperparameters
from inference.errors import ArgumentError
from inference.published.estimator import Estimator, Kind
from inference.published.reading import read_row, read_rows
from inference.published.row import FOLDER
from ppl_models import info, list_models
from ppl_models.datasets import list_datasets, options_of

ROW = """\
title = "A VAE"
paper = "Nobody 2026"
table = "table 1"
model = "vae"
engine = "pyro"
options = { latent_dim = 2, hidden = [8] }
objective = "iwae:num_particles=5"
seeds = 2

[data]
name = "digits"
seed = 3
id = "digits/test/dynamic/seed=3/0123456789ab"

[fit]
batch_size = 50

[budget.short]
steps = 3

[budget.full]
epochs = 5
batch_size = 20

[[figure]]
estimator = "-log_likelihood:num_particles=7"
rows = 10
published = 20.5
published_error = 0.5
known = "memory"
note = "other data"
goal = { short = 30, full = 21.0 }

[[figure]]
estimator = "bound"
every = 3
split = "valid"
"""


def written(folder: Path, text: str = ROW) -> Path:
    path = folder / "a-row.toml"
    path.write_text(text)
    return path


def test_a_file_says_all_of_a_row(tmp_path):
    row = read_row(written(tmp_path))
    assert (row.name, row.model, row.engine, row.seeds) == ("a-row", "vae", "pyro", (0, 1))
    assert row.options == {"latent_dim": 2, "hidden": (8,)}
    assert row.data.of(1) == {"seed": 3}
    assert row.training("full")["fit"] == {"batch_size": 20, "epochs": 5}
    nll, bound = row.asked
    assert nll.estimator.kind is Kind.IMPORTANCE_WEIGHTED
    assert nll.published is not None
    assert str(nll.published) == "20.5 ± 0.5 (from memory)"
    assert nll.goals == {"short": 30, "full": 21.0}
    assert str(nll.scored) == "10, drawn by seed 0, of test"
    assert (bound.published, bound.goals) == (None, {})
    assert [len(x) for x in bound.scored.of(_Splits())] == [4]


class _Splits:
    def arrays(self, split: str) -> tuple[list[int]]:
        return {"valid": (list(range(10)),)}[split]


def test_what_a_figure_depends_on_is_in_its_hash_and_nothing_else(tmp_path):
    row = read_row(written(tmp_path))

    def spec(old: str, new: str) -> str:
        assert old in ROW
        changed = read_row(written(tmp_path, ROW.replace(old, new)))
        return changed.spec("short", changed.asked[0])

    own = row.spec("short", row.asked[0])
    for old, new in [("A VAE", "B"), ("20.5", "21"), ("memory", "read"),
                     ("epochs = 5", "epochs = 6"), ("seeds = 2", "seeds = 3")]:  # fmt: skip
        assert spec(old, new) == own, old
    for old, new in [("latent_dim = 2", "latent_dim = 3"), ("steps = 3", "steps = 4"),
                     ("particles=5", "particles=6"), ("particles=7", "particles=8"),
                     ("rows = 10", "rows = 11"), ("rows = 10", "rows = 10\nrows_seed = 1"),
                     ("seed = 3", "seed = 4"), ("pyro", "numpyro"),
                     ("batch_size = 50", "batch_size = 51")]:  # fmt: skip
        assert spec(old, new) != own, old
    assert row.spec("full", row.asked[0]) != own
    assert row.spec("short", row.asked[1]) != own


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('model = "vae"\n', "", "model is missing"),
        ('objective = "iwae:num_particles=5"\n', "", "objective must be such as"),
        ('engine = "pyro"', 'program = "benchmarks.a:b"', "objective must be such as"),
        ("title", "tilte", "there is no entry tilte"),
        ("iwae:num_particles=5", "iwae:particles=5", "objective: "),
        ("-log_likelihood:num", "-log_likelyhood:num", "there is no metric 'log_likelyhood'"),
        ('known = "memory"', "", "figure.known must be one of read, quoted, memory, got None"),
        ('known = "memory"', 'known = "heard"', "figure.known must be one of read"),
        ("batch_size = 50", "batchsize = 50", "fit.batchsize must be a keyword of fit"),
        ("steps = 3", "batch_size = 3", "budget.short must be a table with one of epochs"),
        ("[budget.short]\nsteps = 3", "", "figure.goal must be a number for full"),
        ("[budget.short]", "[budget.quick]", "there is no entry budget.quick"),
        ("rows = 10", "rows = 0", "figure.rows must be a whole number from 1, got 0"),
        ("rows = 10", "rwos = 10", "there is no entry figure.rwos"),
        ("rows = 10", "first = 10", "figure.first is now rows: so many rows drawn by rows_seed"),
        ("rows = 10", "rows_seed = 1", "figure.rows_seed must be left out without rows"),
        ("rows = 10", 'rows = 9\nrows_seed = "no"', "figure.rows_seed must be a seed, or 'none'"),
        ("seeds = 2", "seeds = [0, 0]", "seeds must be how many"),
        ("published = 20.5", 'published = "20.5"', "figure.published must be a number"),
        ("seeds = 2", "seeds = ", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, said):
    assert old in ROW
    with pytest.raises(ArgumentError) as refused:
        read_row(written(tmp_path, ROW.replace(old, new)))
    assert said in str(refused.value)
    assert "a-row.toml" in str(refused.value) or "metric" in said


def test_bounds_and_likelihoods_of_any_sort_are_of_different_kinds():
    kinds = {
        text: Estimator.parse(text).kind for text in ("bound", "log_likelihood", "exact", "ais")
    }
    assert len(set(kinds.values())) == 4
    assert Estimator.parse("-exact").better == "lower"
    assert Estimator.parse("exact").better == "higher"
    assert Estimator.parse("active_units").better is None
    two = (Estimator.parse(f"ais:{text}") for text in ("rows=5,seed=1", "seed=1, rows=5"))
    assert len({each.spelling for each in two}) == 1


def test_every_row_of_the_package_can_be_run():
    rows = read_rows()
    assert len(rows) == len(list(FOLDER.glob("*.toml"))) > 0
    for row in rows.values():
        assert row.model in list_models(engine=row.engine), row.name
        assert row.data.name in list_datasets(), row.name
        asked = {*row.data.options, *filter(None, [row.data.each_seed])}
        assert asked <= set(options_of(row.data.name)), row.name
        if row.program:
            module, _, function = row.program.partition(":")
            program = getattr(importlib.import_module(module), function)
            for budget in row.budgets:
                inspect.signature(program).bind(0, FOLDER, **row.training(budget)["fit"])
        accepted = hyperparameters(info(row.model), row.engine)
        assert set(row.options) - {"bias_from_data"} <= set(accepted), row.name
        assert row.data.ids, f"{row.name} does not say which data it is about"
        if row.data.each_seed:
            assert len(row.data.ids) == len(row.seeds), row.name


def test_options_of_fit_are_those_of_fit():
    from inference import fit
    from inference.published.reading import _AMOUNTS, _OWN

    assert {*_OWN, *_AMOUNTS} - {"data"} <= set(inspect.signature(fit).parameters)
