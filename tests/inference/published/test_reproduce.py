"""`ppl-zoo reproduce` and `results`: from a row to a line, and what that line is worth later."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import inference
from inference.cli import app
from inference.cli.text import console
from inference.comparison.metric import Figure
from inference.errors import ArgumentError
from inference.published import lines
from inference.published.meaning import meaning, meaning_of
from inference.published.reproduce import Measured
from inference.published.result import append, read_results
from inference.published.same_models import Same, note
from inference.published.tables import BEGIN, END, Table, as_markdown, tables, written_into
from inference.training.reading import sealed
from ppl_models import create
from ppl_models.datasets import load

ROW = """\
title = "A small VAE"
paper = "Nobody 2026"
model = "vae"
engine = "pyro"
options = { latent_dim = 2, hidden = [8] }
data = { name = "digits", id = "ID" }
objective = "elbo"
seeds = 2
budget.short = { steps = 3 }
budget.full = { epochs = 50 }

[[figure]]
estimator = "-log_likelihood:num_particles=5"
rows = 20
published = 1.5
known = "memory"
note = "fewer pixels"
goal = 20.0

[[figure]]
estimator = "bound"
rows = 20
"""


@pytest.fixture(autouse=True, scope="module")
def wide():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "_width", 300)
        yield


@pytest.fixture(scope="module")
def places(tmp_path_factory, wide):
    """A folder with one row, made twice."""
    folder = tmp_path_factory.mktemp("published")
    identity = str(load("digits").data_id("test"))
    (folder / "small.toml").write_text(ROW.replace("ID", identity))
    first = run("reproduce", "small", *at(folder), "--out", folder / "runs")
    again = run("reproduce", "small", *at(folder), "--out", folder / "runs")
    return folder, first.stdout, again.stdout


@pytest.fixture
def own(places, tmp_path):
    """The same folder, to be changed."""
    for name in ("small.toml", "results.csv"):
        shutil.copy(places[0] / name, tmp_path)
    return tmp_path


def at(folder: Path) -> list[str]:
    return ["--rows", str(folder), "--results", str(folder / "results.csv")]


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def results(folder: Path, **asked):
    return inference.results(rows=folder, path=folder / "results.csv", **asked)


def test_a_row_becomes_a_line_for_each_figure(places):
    found = results(places[0])
    assert list(found["estimator"]) == ["-log_likelihood:num_particles=5", "bound"]
    line = found.to_dict("records")[0]
    data = load("digits")
    scores = []
    for seed in (0, 1):
        fitted = inference.fit(
            create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,), seed=seed),
            data, objective="elbo", steps=3, seed=seed, progress=False,
        )  # fmt: skip
        scores.append(inference.log_likelihood(fitted.pair, inference.drawn_rows(data.test, 20), 5))
    means = [-score.mean for score in scores]
    assert line["ours"] == pytest.approx(np.mean(means), rel=1e-6)
    assert line["deviation"] == pytest.approx(np.std(means, ddof=1), rel=1e-4)
    errors = [score.standard_error for score in scores]
    assert line["standard_error"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-6)
    assert [float(each) for each in line["by_seed"].split()] == pytest.approx(means, rel=1e-5)
    assert (line["known"], line["published"], line["goal"]) == ("memory", 1.5, 20.0)
    assert line["difference"] == pytest.approx(line["ours"] - 1.5)
    assert not line["reached"]
    assert line["distance"] == pytest.approx(line["ours"] - 20.0)
    assert line["data_id"] == str(data.data_id("test"))
    assert line["binarisation"] == "dynamic"
    assert "torch" in line["versions"]
    assert line["threads"] >= 1
    assert line["seconds"] >= 0  # of three steps, rounded
    assert line["command"] == "ppl-zoo reproduce small --budget short"
    assert set(found["stale"]) == {""}


def test_given_again_it_trains_nothing_and_appends_nothing(places):
    folder, first, again = places
    assert len(read_results(folder / "results.csv")) == 2
    assert len(list((folder / "runs" / "small").glob("*/spec.json"))) == 2
    assert "NLL, importance-weighted, 5 draws" in first
    assert "NLL, importance-weighted, 5 draws" in again


def test_a_run_that_was_stopped_goes_on(own):
    folder = own / "runs" / "small"
    run("reproduce", "small", *at(own), "--seeds", 1, "--out", own / "runs")
    (kept,) = folder.glob("*.json")
    known = json.loads(kept.read_text())
    known["figures"].popitem()
    del known["sha256"]
    kept.write_bytes(sealed(known))
    before = read_results(own / "results.csv")[-2:]
    run("reproduce", "small", *at(own), "--seeds", 1, "--out", own / "runs")
    assert json.loads(kept.read_text())["figures"].keys() > known["figures"].keys()
    assert [each.ours for each in read_results(own / "results.csv")[-2:]] == [
        each.ours for each in before
    ]
    assert before[0].deviation is None
    assert before[0].command.endswith("--seeds 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["smal"], "there is no row 'smal'"),
        (["small", "--budget", "full", "--seeds", "0"], "seeds"),
    ],
)
def test_what_cannot_be_reproduced_is_said(own, words, said):
    refused = run("reproduce", *words, *at(own), "--out", own / "runs")
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_program_takes_the_place_of_a_fit(own, monkeypatch):
    def program(seed, out, *, rows):
        assert out == own / "runs"
        if rows == 0:
            return Measured({}, 1.0)
        if rows == 1:
            return Measured({"exact": Figure(None, note="there is no such thing")}, 1.0)
        return Measured({"exact": Figure(rows + seed, 0.5)}, 2.0)

    monkeypatch.setitem(sys.modules, "benchmarks.toy", SimpleNamespace(program=program))
    text = (own / "small.toml").read_text().replace('"bound"\nrows = 20', '"exact"\nper = "datum"')
    text = text.replace('objective = "elbo"', 'program = "benchmarks.toy:program"')
    first = text.index("[[figure]]")
    text = text[:first] + text[text.index("[[figure]]", first + 1) :]
    row = own / "by-program.toml"
    row.write_text(text.replace("{ steps = 3 }", "{ rows = 7 }"))
    run("reproduce", "by-program", *at(own), "--out", own / "runs")
    found = results(own)
    line = found[found["row"] == "by-program"].iloc[0]
    assert (line["ours"], line["deviation"], line["seconds"]) == (7.5, np.sqrt(0.5), 2.0)
    assert line["objective"] == "benchmarks.toy:program"
    row.write_text(text.replace("{ steps = 3 }", "{ rows = 0 }"))
    refused = run("reproduce", "by-program", *at(own), "--out", own / "runs")
    assert "gives no exact" in refused.stderr
    row.write_text(text.replace("{ steps = 3 }", "{ rows = 1 }"))
    refused = run("reproduce", "by-program", *at(own), "--out", own / "runs")
    assert "gives no exact: there is no such thing" in refused.stderr
    assert len(results(own)) == len(found)
    row.write_text(row.read_text().replace("toy:program", "toy:none"))
    refused = run("reproduce", "by-program", *at(own), "--out", own / "runs")
    assert "root of a clone" in refused.stderr
    row.write_text(row.read_text().replace("benchmarks.toy", "os"))
    assert "objective must be" in run("results", *at(own)).stderr


def test_other_data_than_the_rows_are_refused(own):
    row = own / "small.toml"
    row.write_text(row.read_text().replace('name = "digits"', 'name = "digits", seed = 5'))
    refused = run("reproduce", "small", *at(own), "--out", own / "runs")
    assert refused.exit_code == 2
    assert "is about the data digits/test/dynamic/seed=0" in refused.stderr


def test_formats_say_the_same(places):
    folder = places[0]
    words = ["results", *at(folder), "--format"]
    read = list(csv.DictReader(io.StringIO(run(*words, "csv").stdout)))
    loaded = json.loads(run(*words, "json").stdout)
    assert [row["estimator"] for row in read] == [row["estimator"] for row in loaded]
    assert float(read[0]["ours"]) == pytest.approx(loaded[0]["ours"], rel=1e-6)
    markdown, shown = run(*words, "md").stdout, run(*words, "table").stdout
    for text in (markdown, shown):
        assert "1.5 (from memory)" in text
        assert "0 of 1 goals reached" in text or text is markdown
    assert len(results(folder, model="v*", data="dig*")) == 2
    assert results(folder, model="dlgm").empty
    assert results(folder, data="mnist").empty
    assert "without a figure" not in shown
    refused = run("results", *at(folder), "--model", "vea")
    assert refused.exit_code == 2
    assert "there is no figure of a model 'vea'" in refused.stderr


def test_figures_that_are_not_alike_share_no_column(places):
    found = lines.lines(rows=places[0], path=places[0] / "results.csv")
    (table,) = tables(found)
    assert [column.kind for column in table.columns] == ["importance-weighted", "bound"]
    assert table.rows == (tuple(found),)
    with pytest.raises(ArgumentError, match="share no column"):
        Table(table.columns, (tuple(reversed(found)),))
    one, column = found[0], table.columns[0]
    for name in ("kind", "estimator", "unit", "scored", "data_id", "binarisation"):
        other = replace(one, result=replace(one.result, **{name: "bound"}))
        with pytest.raises(ArgumentError, match="share no column"):
            Table((column,), ((other,),))
        columns = sum(len(each.columns) for each in tables([one, other]))
        assert columns == 2
    with pytest.raises(ArgumentError, match="different data share no table"):
        Table((column, replace(column, data_id="digits/test/grey/0")), ())


def test_the_newest_counts_and_the_others_are_history(own):
    path = own / "results.csv"
    newer = replace(read_results(path)[0], ours=10.0, date="2100-01-01")
    append(path, [newer])
    assert results(own)["ours"].iloc[0] == 10.0
    assert list(results(own)["reached"]) == [True, None]
    assert results(own)["distance"].iloc[0] == -10.0
    assert len(results(own, history=True)) == 3


def test_a_bound_misses_its_goal_where_it_is_lower(places):
    """The bound is better the higher, the other figure, an NLL, the lower."""
    for line, sign in zip(
        lines.lines(rows=places[0], path=places[0] / "results.csv"), (1, -1), strict=True
    ):
        assert line.asked is not None
        asked = replace(line.asked, goals={"short": -10.0})
        for ours, distance in ((-12.0, -2.0), (-9.0, 1.0)):
            found = replace(line, asked=asked, result=replace(line.result, ours=ours))
            assert (found.distance, found.reached) == (sign * distance, sign * distance <= 0)


def test_stale_is_what_was_made_from_another_row_or_model(own, monkeypatch):
    def stale() -> set[str]:
        return set(results(own)["stale"])

    row, text = own / "small.toml", (own / "small.toml").read_text()
    assert stale() == {""}
    assert run("results", *at(own), "--stale").exit_code == 0
    row.write_text(text.replace("steps = 3", "steps = 4"))
    assert stale() == {"row changed since"}
    refused = run("results", *at(own), "--stale")
    assert refused.exit_code == 1
    assert "row changed since" in refused.stdout
    row.write_text(text.replace("num_particles=5", "num_particles=6"))
    assert stale() == {"", "row asks for it no more"}
    row.unlink()
    assert stale() == {"row gone"}
    row.write_text(text)
    monkeypatch.setattr(lines, "meaning", lambda module: "another")
    assert stale() == {"model changed since"}
    assert results(own, stale=False).empty
    (found,) = {each.meaning for each in read_results(own / "results.csv")}
    note(own / "same_models.csv", Same("small", found, "a third", "0", "2026-01-01"))
    assert stale() == {"model changed since"}
    note(own / "same_models.csv", Same("small", found, "another", "0", "2026-01-01"))
    assert stale() == {""}
    (own / "same_models.csv").unlink()
    monkeypatch.setattr(lines, "source_of", lambda module: None)
    assert stale() == {"model gone"}


def test_meaning_is_what_the_code_says(tmp_path):
    text = '"""A."""\nfrom a._b import c\n\ndef f(x):\n    """Twice."""\n    return 2 * x\n'
    path, beside = tmp_path / "model.py", tmp_path / "_b.py"
    beside.write_text("c = 1\n")

    def now(new: str) -> str:
        path.write_text(new)
        return meaning_of(path, "a")

    first = now(text)
    assert now(text.replace("A.", "B.").replace("Twice", "Double")) == first
    assert now(text.replace("2 * x", "(2 *\n        x)  # twice")) == first
    assert now(text.replace("2 * x", "3 * x")) != first
    beside.write_text("c = 2\n")
    assert now(text) != first
    assert meaning("ppl_models.directed.vae") != meaning("ppl_models.directed.vae_numpyro") != ""
    assert meaning("ppl_models.directed.nothing") == ""


def test_where_a_network_lies_means_nothing_and_which_one_it_is_does(tmp_path):
    """Figures were made when the networks lay in one folder, in the order of imports of then."""
    flat = [
        "from ppl_models._shown import shown",
        "from ppl_models.networks import recurrent",
        "from ppl_models.networks.latents import normal",
        "from ppl_models.networks.mlp import MLP",
        "from ppl_models.networks.nade import AnyOrder",
    ]
    nested = [
        flat[0],
        "from ppl_models.networks.autoregression.nade import AnyOrder",
        "from ppl_models.networks.latent_variables.latents import normal",
        flat[3],
        "from ppl_models.networks.recurrence import recurrent",
    ]

    def said(lines: list[str], after: str = "x = 1") -> str:
        path = tmp_path / "model.py"
        path.write_text("\n".join(["import numpy", "", *lines, "", after, ""]))
        return meaning_of(path, "a")

    assert said(nested) == said(flat)
    inside = (
        [f"    {line}" for line in (nested[1], nested[4])],
        [f"    {flat[1]}", f"    {flat[4]}"],
    )
    assert said(["if a:", *inside[0], *inside[0]]) != said(["if a:", *inside[1]])
    assert said(["if a:", *inside[0]]) == said(["if a:", *inside[1]])
    other = [line.replace(".latents ", ".positive_latents ") for line in nested]
    assert len({said(nested), said(other), said(nested, "x = 2"), said(nested[1:])}) == 4
    unsorted = [flat[3], flat[2]]
    assert said(unsorted) != said(unsorted[::-1])  # as it was before the networks moved


def test_texts_get_their_part_between_the_marks(places):
    found = lines.lines(rows=places[0], path=places[0] / "results.csv")
    text = f"Story.\n\n{BEGIN}old\n{END}\nEnd.\n"
    made = written_into(text, found)
    assert made.startswith("Story.\n\n")
    assert made.endswith("\nEnd.\n")
    assert as_markdown(found) in made
    assert written_into(made, found) == made
    assert written_into("no marks", found) == "no marks"
    assert "    ppl-zoo reproduce ROW --budget short\n" in made
    assert "- 1.5: Nobody 2026 (fewer pixels)" in made


def test_rows_without_a_figure_are_named(own):
    shutil.copy(own / "small.toml", own / "later.toml")
    assert "Rows without a figure yet: later." in run("results", *at(own)).stdout


def test_a_damaged_line_is_named(own):
    path = own / "results.csv"
    path.write_text(path.read_text() + "small,short\n")
    with pytest.raises(ArgumentError, match="line 4 is no result"):
        results(own)
