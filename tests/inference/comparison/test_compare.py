"""A grid of runs: what is finished is read, what was begun goes on, what fails is a row."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny_belief_net as tiny
from grid import COLUMNS, ppca, rows, twelve
from report_contents import HOSTILE
from scipy.stats import t as student

from inference import ELBO, IWAE, MMD, NVIL, VIMCO, compare, estimator_report, fit, gather
from inference.comparison.cells import Result, folder_name
from inference.comparison.metric import Figure
from inference.comparison.metrics import chosen
from inference.comparison.ranking import summaries
from inference.errors import ArgumentError, DataError, RunFolderError
from inference.training.progress import Progress
from ppl_models import create
from ppl_models.datasets import load

TIMEOUT = 240.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Twelve runs that nothing stopped."""
    return twelve(tmp_path_factory.mktemp("whole"))


def results(folder: Path) -> list[Path]:
    return sorted((folder / "results").glob("[!.]*.json"))


def test_a_row_for_each_pair_and_objective_and_a_figure_for_each_run(whole):
    assert len(whole.results) == 12
    assert whole.frame["status"].eq("finished").all()
    assert whole.frame["step"].eq(20).all()
    table = whole.table()
    assert list(table.columns) == ["bound (nats per datum)", "exact (nats per datum)"]
    assert list(table.index.names) == ["pair", "objective"]
    by_key = whole.frame.groupby(["pair", "objective"])
    for key, row in whole.summaries.items():
        figures = by_key.get_group(key)
        assert row["exact"].mean == pytest.approx(figures["exact"].mean(), rel=1e-12)
        assert row["exact"].spread == pytest.approx(figures["exact"].std(), rel=1e-12)
        assert row["exact"].count == 2


def test_the_figures_are_those_of_the_runs_and_seeds_start_from_different_weights(whole):
    runs = [whole.run("two", "fast", seed) for seed in (0, 1)]
    weights = [next(ppca(seed).parameters()).detach().numpy() for seed in (0, 1)]
    assert not np.allclose(*weights)
    for run, seed in zip(runs, (0, 1), strict=True):
        alone = fit(
            ppca(seed), rows(60), steps=20, seed=seed, batch_size=20, learning_rate=0.05,
            progress=False,
        )  # fmt: skip
        for name, value in alone.parameters.items():
            np.testing.assert_array_equal(value, run.parameters[name])


def test_killed_half_way_it_goes_on_and_ends_in_the_same_table(whole, tmp_path):
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("grid.py")), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + TIMEOUT
    while len(results(tmp_path)) < 4:
        assert child.poll() is None, child.communicate()[1].decode()
        assert time.monotonic() < deadline
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in results(tmp_path)}
    assert 4 <= len(before) < 12
    again = twelve(tmp_path)
    pd.testing.assert_frame_equal(again.frame, whole.frame)
    assert str(again) == str(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # not done again


def test_ctrl_c_stops_it_and_what_was_begun_goes_on(whole, tmp_path, monkeypatch):
    advance, calls = Progress.advance, []

    def pressed(self, step, loss):
        calls.append(step)
        if len(calls) == 12:  # in a run that is neither the first nor at its end
            os.kill(os.getpid(), signal.SIGINT)
        advance(self, step, loss)

    monkeypatch.setattr(Progress, "advance", pressed)
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 4)
    with pytest.raises(KeyboardInterrupt):
        twelve(tmp_path)
    done = len(results(tmp_path))
    assert 0 < done < 12
    assert len(list((tmp_path / "runs").iterdir())) == done + 1
    assert str(twelve(tmp_path)) == str(whole)


def test_other_settings_in_the_same_folder_are_refused_or_done_anew(whole):
    folder = whole.cells[0].run_folder.parent.parent
    with pytest.raises(RunFolderError, match=r"learning_rate was None and is now 0\.01"):
        twelve(folder, learning_rate=0.01)
    known = results(folder)[0]
    content = known.read_text()
    known.write_text(content[: len(content) // 2])  # half a file is as good as none
    assert str(twelve(folder)) == str(whole)
    assert json.loads(known.read_text()) == json.loads(content)
    longer = twelve(folder, budget={"steps": 24}, seeds=(1,))
    assert set(longer.frame["step"]) == {24}


def test_what_fails_is_a_row_that_says_why(tmp_path):
    def broken(seed):
        raise ValueError(f"no pair for seed {seed}")

    def grid():
        return compare(
            {"vae": create("ppca", engine="pyro", data_dim=COLUMNS, latent_dim=2), "none": broken},
            {"ELBO": "elbo", "mmd": MMD(), "blown up": (ELBO(), {"learning_rate": 1e30})},
            rows(60),
            test=rows(40, seed=1),
            budget={"steps": 30},
            metrics=("bound", "exact"),
            out=tmp_path,
            progress=False,
        )

    found = grid()
    frame = found.frame.set_index(["pair", "objective"])
    assert frame.loc[("vae", "ELBO"), "status"] == "finished"
    assert frame.loc[("none", "ELBO"), "why"] == "ValueError: no pair for seed 0"
    assert "learning_rate" in frame.loc[("vae", "blown up"), "why"]
    table = found.table()
    assert "no pair for seed 0" in table.loc[("none", "mmd"), "failed"]
    assert table.loc[("none", "mmd"), "exact (nats per datum)"] == "-"
    below = " ".join(str(table).partition("\n\n")[2].split())
    assert f"vae, blown up, failed: {table.loc[('vae', 'blown up'), 'failed']}" in below
    # A guide that nothing trained has no bound.
    assert found.summaries["vae", "mmd"]["bound"].mean is None
    assert "trains no guide" in found.summaries["vae", "mmd"]["bound"].note
    assert found.summaries["vae", "mmd"]["exact"].mean is not None
    assert str(grid()) == str(found)


def test_the_ranking_by_estimates_is_the_ranking_by_exact_evidence():
    found = compare(
        {"narrow": ppca(latent_dim=1), "wide": ppca()},
        {
            "slow": (ELBO(), {"learning_rate": 1e-3}),
            "fast": (ELBO(), {"learning_rate": 3e-2}),
            "IWAE": (IWAE(5), {"learning_rate": 1e-2}),
        },
        rows(300),
        test=rows(200, seed=1),
        budget={"steps": 150},
        metrics=("bound", "log_likelihood:num_particles=500", "exact"),
        progress=False,
    )
    frame = found.frame
    by_exact = frame.sort_values("exact").index
    assert list(frame.sort_values("log_likelihood:num_particles=500").index) == list(by_exact)
    gaps = frame["exact"] - frame["log_likelihood:num_particles=500"]
    assert gaps.abs().max() < np.diff(np.sort(frame["exact"])).min()  # else it were luck
    assert max(frame["bound"] - frame["exact"]) < 0


def test_the_ranking_of_a_belief_net_is_that_by_enumeration():
    values = tiny.parameters()
    x = tiny.data(60).astype(np.float32)

    def enumerated(run, batch):
        unit = {name: np.asarray(value, dtype=np.float64) for name, value in run.parameters.items()}
        return tiny.evidence(unit, batch[0]) / len(batch[0])

    found = compare(
        {"net": lambda seed: tiny.pair("pyro", values)},
        {
            "slow": (NVIL(), {"learning_rate": 1e-3}),
            "NVIL": (NVIL(), {"learning_rate": 2e-2}),
            "VIMCO": (VIMCO(5), {"learning_rate": 5e-2}),
        },
        x,
        test=x,
        budget={"steps": 60},
        metrics={"estimate": "log_likelihood:num_particles=2000", "enumerated": enumerated},
        progress=False,
    )
    frame = found.frame
    assert list(frame.sort_values("estimate").index) == list(frame.sort_values("enumerated").index)
    gaps = (frame["enumerated"] - frame["estimate"]).abs()
    assert gaps.max() < np.diff(np.sort(frame["enumerated"])).min()


def outcome(objective: str, values: list[float], better: str = "higher"):
    return [Result("p", objective, seed, "pyro", "finished", 1, {"m": Figure(v)}, None, "")
            for seed, v in enumerate(values)]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "star"),
    [
        (([1.0, 1.1, 1.2], [0.0, 0.1, 0.2], [0.1, 0.2, 0.3]), "a"),
        (([1.0, 1.1, 1.2], [0.9, 1.0, 1.15], [0.1, 0.2, 0.3]), None),  # the second is too near
        (([1.0], [0.0]), None),  # one seed tells nothing
        (([1.0, 1.1], [1.0, 1.1]), None),
    ],
)
def test_a_best_is_marked_where_its_lead_exceeds_its_error(values, star):
    named = dict(zip("abc", values, strict=False))
    everything = [result for name, own in named.items() for result in outcome(name, own)]
    for better, sign in (("higher", 1), ("lower", -1)):
        turned = [
            dataclasses.replace(
                result, figures={"m": Figure(sign * (result.figures["m"].value or 0.0))}
            )
            for result in everything
        ]
        metric = chosen({"m": "bound"})["m"]
        metrics = {"m": dataclasses.replace(metric, better=better)}
        found = summaries(turned, metrics)
        assert [key[1] for key, row in found.items() if row["m"].best] == [star] * (
            star is not None
        )


def test_a_star_in_brackets_is_the_best_of_its_own_pair():
    """A pair that is worse as a whole has a best objective, too."""
    high, low = [10.0, 10.1, 10.2], [1.0, 1.1, 1.2]
    everything = []
    for pair, base in (("good", 100.0), ("bad", 0.0)):
        for objective, values in (("a", high), ("b", low)):
            own = outcome(objective, [base + value for value in values])
            everything += [dataclasses.replace(result, pair=pair) for result in own]
    found = summaries(everything, chosen({"m": "bound"}))
    assert {key for key, row in found.items() if row["m"].best} == {("good", "a")}
    assert {key for key, row in found.items() if row["m"].leads} == {("good", "a"), ("bad", "a")}
    assert str(found["good", "a"]["m"]).endswith("0 *")
    assert str(found["bad", "a"]["m"]).endswith(" (*)")
    alone = [each for each in everything if each.pair == "bad"]
    assert not any(row["m"].leads for row in summaries(alone, chosen({"m": "bound"})).values())


def test_the_lead_is_tested_as_welch_does():
    # Degrees of freedom and t by hand; the difference is put on either side of the threshold.
    a, others, level = np.array([0.0, 0.3, 0.5, 0.9]), 2, 0.05
    b = np.array([0.0, 0.1, 0.25])
    va, vb = a.var(ddof=1) / 4, b.var(ddof=1) / 3
    freedom = (va + vb) ** 2 / (va**2 / 3 + vb**2 / 2)
    needed = student.ppf(1 - level / others / 2, freedom) * math.sqrt(va + vb)
    metrics = chosen({"m": "bound"})
    for factor, star in ((1.01, ["a"]), (0.99, [])):
        lead = needed * factor - (a.mean() - b.mean())
        rivals = [*outcome("b", list(b)), *outcome("c", list(b))]
        found = summaries([*outcome("a", list(a + lead)), *rivals], metrics)
        assert [key[1] for key, row in found.items() if row["m"].best] == star


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


def test_labels_hold_anything(tmp_path):
    names = {folder_name(label, "ELBO", 0) for label in (*HOSTILE, "../../etc", ".", "a/b\\c")}
    assert len(names) == len(HOSTILE) + 3
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.=,") for name in names)
    assert not any(name.startswith((".", "..")) for name in names)

    def pages(labels, out):
        """As a report and as a notebook shows it."""
        first, *others = labels
        found = compare(
            {label: ppca() for label in others},
            {first: ELBO()},
            rows(20),
            test=rows(10),
            budget={"steps": 2},
            metrics={first: "exact"},
            out=out,
            progress=False,
        )
        assert {path.parent for path in results(out)} == {out / "results"}
        assert len(list((out / "runs").iterdir())) == len(others)
        assert found.run(others[-1], first).step == 2
        measured = estimator_report(
            found.run(others[0], first), {first: IWAE}, rows(5), num_draws=40, num_particles=(1, 2)
        )
        report = found.to_html(out / "report.html", title=first, estimators={first: measured})
        return report.read_text(), found._repr_html_()

    labels = list(HOSTILE)
    hostile = pages(labels, tmp_path / "hostile")
    harmless = pages([f"label {place}" for place in range(len(labels))], tmp_path / "harmless")
    for bad, good in zip(hostile, harmless, strict=True):
        assert Elements(bad).found == Elements(good).found
    assert "signal-to-noise" in harmless[0]


def test_the_report_has_the_tables_numbers(whole, tmp_path):
    page = whole.to_html(tmp_path / "report.html").read_text()
    for text in whole.table().to_numpy().ravel():
        assert text.removesuffix(" *").removesuffix(" (*)") in page


def test_the_report_opens_ranked_and_says_what_objectives_are_valid_for(whole, tmp_path):
    page = whole.to_html(tmp_path / "report.html").read_text()
    name = next(n for n, metric in whole.metrics.items() if metric.better)
    cells = re.findall(r'data-name="([^"]*)" data-value="([^"]*)"', page)
    column = [float(value) for heading, value in cells if heading.startswith(name)]
    assert len(column) == len(whole.summaries)
    assert column == sorted(column, reverse=whole.metrics[name].better == "higher")
    assert re.search(r'<th scope="col" class="value" aria-sort="\w+ing"', page)
    assert "is valid for pairs with" in page
    assert str(whole.cells[0].data_id).split(",")[0] in page


def test_curves_show_the_same_bound_for_all():
    data = load("digits")
    pair = create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,))
    found = compare(
        {"vae": pair},
        {"ELBO": "elbo", "IWAE": IWAE(50), "MMD": "mmd"},
        data,
        budget={"steps": 13},
        metrics=("exact",),
        progress=False,
    )
    assert not any(found.frame["why"])  # what cannot be asked fails no run
    assert "log_evidence" in found.summaries["vae", "ELBO"]["exact"].note
    found = compare(
        {"vae": pair},
        {"ELBO": "elbo", "slow IWAE": (IWAE(50), {"learning_rate": 1e-12}), "MMD": "mmd"},
        data,
        budget={"steps": 13},
        metrics=("bound", "mmd"),
        progress=False,
    )
    assert found.run("vae", "ELBO").spec["training"]["valid_objective"] == "vimco:num_particles=16"
    untrained = fit(
        pair, data, steps=13, learning_rate=1e-12, valid_objective=VIMCO(16), progress=False
    )
    assert found.run("vae", "slow IWAE").rows[-1]["valid_bound"] == pytest.approx(
        untrained.rows[-1]["valid_bound"], abs=1e-3
    )
    drawn = {str(line.get_label()) for line in found.plot().axes[0].lines}
    assert {"vae, ELBO", "vae, slow IWAE"} <= drawn
    assert not any("MMD" in label for label in drawn)


def test_a_time_budget_is_spent_once(tmp_path):
    def grid():
        return compare(
            {"ppca": ppca()}, {"ELBO": ELBO()}, rows(60), test=rows(10), budget={"seconds": 0.2},
            metrics=("exact", "seconds"), out=tmp_path, progress=False,
        )  # fmt: skip

    first = grid()
    assert first.frame["status"].tolist() == ["time"]
    for path in results(tmp_path):
        path.unlink()
    assert grid().frame["step"].tolist() == first.frame["step"].tolist()


def test_runs_that_are_there_are_compared_too(tmp_path):
    data = load("digits")
    pair = create("vae", engine="pyro", data_dim=64, latent_dim=2, hidden=(8,))
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, (objective, seed) in zip(
        folders, (("elbo", 0), ("elbo", 1), (MMD(), 0)), strict=True
    ):
        fit(pair, data, objective=objective, steps=3, seed=seed, out=folder, progress=False)
    found = gather(folders, data, metrics=("bound",))
    assert list(found.table().index) == [("VAE", "elbo"), ("VAE", "mmd")]
    assert found.summaries["VAE", "elbo"]["bound"].count == 2
    assert found.to_html(tmp_path / "report.html").stat().st_size > 1000
    with pytest.raises(ArgumentError, match="two of the runs are"):
        gather([*folders, folders[0]], data)
    with pytest.raises(ArgumentError, match="share no column"):
        gather(folders, load("digits", seed=1))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budget": {"steps": 2, "seconds": 1}}, "budget must be one of"),
        ({"budget": {"steps": 0}}, "budget.*whole number"),
        ({"executor": "cloud"}, "executor must be one of"),
        ({"workers": 0}, "workers must be"),
        ({"seeds": (1, 1)}, "different numbers"),
        ({"seeds": ()}, "different numbers"),
        ({"metrics": ()}, "at least one metric"),
        ({"metrics": ("bounds",)}, "Did you mean 'bound'"),
        ({"metrics": ("log_likelihood:particles=3",)}, "num_particles"),
        ({"learning_rat": 0.1}, "no argument 'learning_rat'"),
        ({"out": None, "objective": "elbo"}, "no argument 'objective'"),
    ],
)
def test_arguments_that_cannot_be_meant(changed, words):
    with pytest.raises(ArgumentError, match=words):
        twelve(**changed)


def test_other_arguments_that_cannot_be_meant():
    some, budget = rows(10), {"steps": 1}
    wrong: Any = [ppca()]
    with pytest.raises(ArgumentError, match="pairs must map"):
        compare(wrong, {"ELBO": ELBO()}, some, budget=budget)
    with pytest.raises(ArgumentError, match=r"pairs\['a'\] must be a pair"):
        compare({"a": "vae"}, {"ELBO": ELBO()}, some, budget=budget)
    with pytest.raises(ArgumentError, match="objectives must map"):
        compare({"a": ppca()}, wrong, some, budget=budget)
    with pytest.raises(ArgumentError, match=r"objectives\['b'\] must be an objective"):
        compare({"a": ppca()}, {"b": ELBO}, some, budget=budget)
    with pytest.raises(ArgumentError, match=r"objectives\['b'\] has no argument 'lr'"):
        compare({"a": ppca()}, {"b": (ELBO(), {"lr": 1})}, some, budget=budget)
    with pytest.raises(DataError, match="pass test="):
        compare({"a": ppca()}, {"b": ELBO()}, some, budget=budget)
