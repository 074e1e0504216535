"""The report, the table of sites, the command, and the zoo's own pairs."""

from pathlib import Path
from typing import Any

import mistakes
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from mistakes import X, guide, model
from one_gaussian import B, M, S
from one_gaussian import X as POINTS
from one_gaussian import pair as one_gaussian
from rows import ROWS
from scipy.stats import norm
from typer.testing import CliRunner

from inference import check_pair, explain, valid_objectives
from inference.checking.checks import CHECKS
from inference.checking.context import Context
from inference.cli import app
from inference.errors import ArgumentError, PairError
from ppl_models import create

PYRO = [name for name, row in ROWS.items() if "pyro" in row.engines]
# Each takes seconds to compile; `python -m benchmarks.check_time` checks the others as well.
NUMPYRO = (
    "deep-markov-linear",
    "conditional-vae-classes",
    "mlp-generator-batch-norm",
)
BATCH = 11  # rows, which is the size of nothing else in these pairs


@pytest.mark.parametrize("name", NUMPYRO)
def test_zoo_has_no_mistake_on_numpyro(name):
    row = ROWS[name]
    pair = create(row.model, engine="numpyro", seed=0, **row.hyperparameters)
    report = check_pair(pair, *row.batch(BATCH))
    assert not report.failed, report
    assert len(report.passed) >= 55


@pytest.mark.parametrize("name", PYRO)
def test_zoo_has_no_mistake(name):
    row = ROWS[name]
    pair: Any = create(row.model, engine="pyro", seed=0, **row.hyperparameters)
    before = {n: p.detach().clone() for n, p in pair.named_parameters()}
    report = check_pair(pair, *row.batch(BATCH))
    assert not report.failed, report
    assert len(report.passed) >= 50
    for each, parameter in pair.named_parameters():
        assert torch.equal(parameter, before[each]), "the pair stays as it is"


def test_at_least_45_checks_with_texts():
    assert len(CHECKS) == 74  # as README and docs/pairs.md say
    assert all(each.text.endswith(".") for each in CHECKS.values())


def test_report_counts_and_prints_every_finding():
    report = check_pair((model, lambda x: None), X)
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    paragraphs = len([line for line in lines if not line.startswith(" ")]) - 1
    reasons = {each.message for each in report.skipped}
    assert paragraphs == len(report.findings) - len(report.skipped) + len(reasons)
    assert all(each.check in str(report) for each in report.findings)
    counts = len(report.passed), len(report.failed), len(report.skipped)
    assert lines[-1] == "{} passed, {} errors, 0 limits, 0 notes, {} skipped".format(*counts)
    assert list(report.frame["level"]) == [each.level or each.outcome for each in report.findings]
    failed = {each.check for each in report.failed}
    assert "guide-proposes-all" in failed
    assert all(each.message for each in report.findings)


def test_finding_names_site_and_line():
    report = check_pair((model, lambda x: None), X, checks=["guide-proposes-all"])
    (finding,) = report.failed
    assert finding.site == "z"
    file, line = finding.line.split(":")
    source = Path(mistakes.__file__).read_text().splitlines()
    assert file == "mistakes.py"
    assert 'pyro.sample("z"' in source[int(line) - 1]


@pytest.mark.parametrize("pair", [None, 3, (model,), (model, "guide"), object()])
def test_what_is_no_pair_is_a_finding(pair):
    report = check_pair(pair, X)
    assert [each.check for each in report.failed][:1] == ["pair-type"]


def test_what_is_needed_and_failed_skips_the_rest():
    report = check_pair((lambda x: 1 / 0, guide), X)
    found = {each.check: each for each in report.findings}
    assert "ZeroDivisionError" in found["model-runs"].message
    assert found["model-runs"].line.startswith("test_findings.py")
    assert "'model-runs'" in found["runs-together"].message


def test_unknown_check_is_refused():
    with pytest.raises(ArgumentError, match=r"model-runs.*'no-such'"):
        check_pair((model, guide), X, checks=["no-such"])


def test_explain_has_the_densities_of_scipy():
    table = explain(one_gaussian("pyro"), POINTS)
    assert list(table.index) == ["z", "x"]
    assert list(table["kind"]) == ["latent", "observed"]
    assert table.loc["z", "shape"] == f"{len(POINTS)} | 1"
    assert table.loc["z", "plates"] == f"data ({len(POINTS)})"
    assert table.loc["z", "in_guide"] == "Normal"
    assert table.loc["z", "line"].startswith("one_gaussian.py")
    z = Context(one_gaussian("pyro"), (POINTS,)).latents["z"]
    np.testing.assert_allclose(table.loc["z", "log_p"], norm.logpdf(z).sum(), rtol=1e-5)
    log_q = norm.logpdf(z, POINTS / 2 + M, S).sum()
    np.testing.assert_allclose(table.loc["z", "log_q"], log_q, rtol=1e-5)
    log_lik = norm.logpdf(POINTS, z + B, 1).sum()
    np.testing.assert_allclose(table.loc["x", "log_p"], log_lik, rtol=1e-5)


def test_explain_says_where_a_pair_fails():
    with pytest.raises(PairError, match=r"test_findings.py:\d+.*ZeroDivisionError"):
        explain((lambda x: 1 / 0, guide), X)


def test_whole_numbers_in_a_network_are_told_what_to_write():
    """And the checks that this leaves undone are one paragraph for each reason, not one each."""
    network = torch.nn.Linear(3, 2)

    def counts(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(network(x), 1.0).to_event(1))

    report = check_pair((model, counts), np.arange(12).reshape(4, 3))
    remedy = "where a network takes them, write x.float(), or pass the data as float32."
    assert report.failed[0].message.endswith(remedy)
    with pytest.raises(PairError, match=r"Long and Float\. Whole numbers stay whole numbers"):
        valid_objectives((model, counts), np.arange(12).reshape(4, 3))
    printed = " ".join(str(report).split())
    assert printed.count("each needs 'runs-together', which did not pass.") == 1
    assert all(each.check in printed for each in report.findings)


PAIR = """
import pyro, torch
import pyro.distributions as dist

class Tiny:
    def __init__(self, data_dim):
        self.data_dim = data_dim

    def model(self, x):
        bias = pyro.param("bias", lambda: torch.zeros(self.data_dim))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            logits = bias + z.sum(-1, keepdim=True)
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(self, x):
        slope = pyro.param("slope", lambda: torch.zeros(self.data_dim, 2))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope, 1.0).to_event(1))

class Broken(Tiny):
    def guide(self, x):
        pass

class Bare(Tiny):
    def model(self, x):
        bias = pyro.param("bias", lambda: torch.zeros(self.data_dim))
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(2))
        pyro.sample("x", dist.Bernoulli(logits=bias + z.sum(-1, keepdim=True)).to_event(2), obs=x)

    def guide(self, x):
        slope = pyro.param("slope", lambda: torch.zeros(self.data_dim, 2))
        pyro.sample("z", dist.Normal(x @ slope, 1.0).to_event(2))
"""


def test_command(tmp_path):
    file = tmp_path / "tiny.py"
    file.write_text(PAIR)
    run = CliRunner().invoke(app, ["check", f"{file}:Tiny"])
    assert run.exit_code == 0, run.output
    assert " 0 errors" in run.output
    run = CliRunner().invoke(app, ["check", f"{file}:Bare"])
    assert run.exit_code == 0, run.output
    assert " 0 errors, 1 limit" in run.output
    run = CliRunner().invoke(app, ["check", f"{file}:Broken", "--check", "guide-proposes-all"])
    assert run.exit_code == 1
    assert "Add a sample statement 'z'" in " ".join(run.output.split())
    for words in (["check", str(file)], ["check", f"{file}:Missing"]):
        run = CliRunner().invoke(app, words)
        assert run.exit_code == 2
        assert "Traceback" not in run.output
