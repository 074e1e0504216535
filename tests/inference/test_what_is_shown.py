"""What a newcomer sees at a prompt: names to complete, tables that fit, HTML in notebooks."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pyro
import pyro.distributions as pyro_dist
import pytest
import torch
from pyro.infer.autoguide import AutoNormal

import inference
from inference import (
    ArgumentError,
    Concrete,
    DataError,
    PairError,
    check_pair,
    explain,
    fit,
    log_likelihood,
    valid_objectives,
)
from inference.comparison.comparison import Comparison
from inference.tables import PrintedTable
from ppl_models import create, distributions
from ppl_models.distributions import OneHotCategorical


def test_a_prompt_completes_the_public_names() -> None:
    assert {"fit", "compare", "drawn_rows", "ELBO", "objectives", "ZooError"} <= set(dir(inference))
    assert all(hasattr(inference, name) for name in dir(inference))


def test_every_error_that_help_names_can_be_imported() -> None:
    names = set()
    for name in inference.__all__:
        found = getattr(inference, name)
        for each in (found, *(vars(found).values() if inspect.isclass(found) else ())):
            names |= set(re.findall(r"\b(\w+Error)\b", getattr(each, "__doc__", None) or ""))
    assert {"ArgumentError", "PairError", "RunFolderError", "DivergenceError"} <= names
    known = vars(__import__("builtins"))
    assert [name for name in names if not hasattr(inference, name) and name not in known] == []


def table(columns: int) -> pd.DataFrame:
    names = [f"log_likelihood:num_particles={10**n} (nats per datum)" for n in range(columns)]
    index = pd.MultiIndex.from_tuples(
        [("belief net", "ELBO"), ("a label that goes on and on until the line ends", "VIMCO")],
        names=["pair", "objective"],
    )
    return PrintedTable({name: ["-24.78 ± 0.03 *", "-"] for name in names}, index=index)


def test_a_dictionary_of_arguments_is_taken_wherever_fit_takes_it() -> None:
    def regression(feature: Any, response: Any = None) -> None:
        slope = pyro.sample("slope", pyro_dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(feature)):
            pyro.sample("y", pyro_dist.Normal(slope * feature, 1.0), obs=response)

    x = np.linspace(-1, 1, 8, dtype=np.float32)
    pair: Any = (regression, AutoNormal(regression))
    data: Any = {"feature": x, "response": 2 * x}
    run = fit(pair, data, steps=2, progress=False)
    assert not check_pair(pair, data, checks=["model-observes", "runs-together"]).failed
    assert list(explain(pair, data).index)[:2] == ["slope", "y"]
    assert valid_objectives(pair, data).valid == valid_objectives(pair, **data).valid
    found: Any = getattr(run.to_arviz(data, num_draws=3), "posterior")  # noqa: B009
    assert found["slope"].shape == (1, 3)
    assert run.latents(data).keys() == {"slope"}
    with pytest.raises(DataError, match=r"Pass ppl_models\.datasets\.load\('digits'\)"):
        fit(pair, "digits", steps=1)
    with pytest.raises(DataError, match=r"load\('digits'\) to fit, and its split \.test to an"):
        run.latents("digits")


def test_what_a_table_cuts_short_stands_below_it_in_full() -> None:
    why = "Enumerated() is for discrete latents, and the model has none."
    index = pd.MultiIndex.from_tuples([("vae", "sum")], names=["pair", "objective"])
    printed = str(PrintedTable({"bound": ["-"], "failed": [why]}, index=index))
    assert f"vae, sum, failed: {why}" in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 80


def test_sequences_of_another_length_name_the_hyperparameter() -> None:
    pair = create("recurrent", engine="pyro", data_dim=3, length=5, hidden_dim=2)
    with pytest.raises(DataError, match=r"\(N, 5, 3\).*; build the pair with length=4\."):
        log_likelihood(pair, np.zeros((2, 4, 3)))
    with pytest.raises(DataError, match=r"; build the pair with length=4, data_dim=6\."):
        log_likelihood(pair, np.zeros((2, 4, 6)))
    with pytest.raises(DataError, match="; a row has 2 dimensions, not 1"):
        log_likelihood(pair, np.zeros((2, 4)))


def test_images_of_another_size_name_the_hyperparameter_that_the_pair_has() -> None:
    pair = create("conv_generator", engine="pyro", image_shape=(4, 4), latent_dim=2, channels=1)
    with pytest.raises(DataError, match=r"an image_shape=\(height, width\) of 9 pixels"):
        log_likelihood(pair, np.zeros((2, 9)))


@pytest.mark.parametrize("columns", [1, 3, 7])
def test_a_table_fits_80_columns(columns: int) -> None:
    found = table(columns)
    printed = str(found)
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.count("-24.78 ± 0.03 *") == columns
    assert all(f"num_particles={10**n}"[-6:] in printed for n in range(columns))
    assert type(found.iloc[:, :1]) is pd.DataFrame or "belief net" in str(found.iloc[:, :1])
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(found.copy()))


def test_numbers_and_rows_that_are_left_out_fit_80_columns() -> None:
    wide = pd.DataFrame(np.arange(100 * 12).reshape(100, 12) / 7, columns=list("abcdefghijkl"))
    printed = str(PrintedTable(wide.assign(word="of the last column", nothing=np.nan)))
    assert max(map(len, printed.splitlines())) <= 80
    assert "..." in printed
    for name in (*"abcdefghijkl", "word", "nothing"):
        assert re.search(rf"\b{name}\b", printed)
    assert "170.143" in printed  # the cell of the last row in column j
    assert "100 rows, 14 columns." in printed
    pd.testing.assert_frame_equal(pd.DataFrame(PrintedTable(wide)), wide)


def test_tables_of_pairs_and_of_published_figures_are_printed_whole() -> None:
    x = (np.random.default_rng(0).random((5, 6)) < 0.5).astype(np.float32)
    pair = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=(4,), seed=0)
    sites, figures = explain(pair, x), inference.results(model="ppca")
    for frame in (sites, check_pair(pair, x, checks=["model-observes"]).frame):
        assert max(map(len, str(frame).splitlines())) <= 80
        assert all(name.split("_")[-1] in str(frame) for name in frame)
    printed = str(figures)
    assert max(map(len, printed.splitlines())) <= 80
    assert "16.45" in printed
    assert all(name.split("_")[-1] in printed for name in figures)  # the others are named
    assert "<p>" in str(figures._repr_html_())  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    assert type(sites.loc["x", "log_p"]) is float or np.isfinite(sites.loc["x", "log_p"])


def test_notebooks_have_tables_of_reports_runs_and_figures() -> None:
    x = (np.random.default_rng(0).random((40, 6)) < 0.5).astype(np.float32)
    pair = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=(4,), seed=0)
    run = fit(pair, x, steps=2, seed=0, progress=False)
    shown = run._repr_html_()
    assert "<th>objective</th><td>elbo" in shown.lower()
    assert "finished after 2 steps" in shown
    assert repr(run).startswith("Run(pair: VAE, engine: pyro, objective: elbo, data: ")
    found = log_likelihood(run, x, num_particles=2)
    assert f"{found.mean:.3f} ±" in found._repr_html_()
    wrong = (lambda x: None, lambda x: None)
    report = check_pair(wrong, x)
    assert "<table" in report._repr_html_()
    assert report.counts in report._repr_html_()
    assert str(report).endswith(report.counts)
    assert hasattr(Comparison, "_repr_html_")
    valid = valid_objectives(pair, x)
    page = valid._repr_html_()
    assert f"<b>valid</b> {', '.join(valid.valid)}" in page
    assert valid.refused
    assert all(page.count(f">{name}") + page.count(f", {name}") for name in valid.refused)
    assert page.count("<tr>") < 1 + len(valid.refused)  # those of one reason share a row


@pytest.mark.parametrize("ask", [explain, valid_objectives])
def test_a_function_alone_is_answered_in_words(ask: Any) -> None:
    def model(x: Any) -> None:
        raise AssertionError("not to be run")

    with pytest.raises(ArgumentError, match=r"pass its guide too.*\(model, guide\).*AutoNormal"):
        ask(model)
    with pytest.raises(PairError, match=r"No batch was given: pass some rows of data, as in \w+\("):
        ask((lambda x: x + torch.ones(1), lambda x: x), engine="pyro")


def test_one_hot_rows_for_numpyro() -> None:
    """As Pyro's own distribution scores and draws them."""
    logits = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    rows = np.eye(4, dtype=np.float32)[[0, 3, 1, 1, 2]]
    ours = OneHotCategorical(logits=logits)
    theirs = torch.distributions.OneHotCategorical(logits=torch.tensor(logits))
    np.testing.assert_allclose(ours.log_prob(rows), theirs.log_prob(torch.tensor(rows)), rtol=1e-5)
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(OneHotCategorical(probs).log_prob(rows), ours.log_prob(rows), 1e-5)
    with pytest.raises(ValueError, match="either probs or logits"):
        OneHotCategorical()
    assert "OneHotCategorical" in dir(distributions)


def test_one_hot_rows_have_the_relaxation_that_objectives_need() -> None:
    import numpyro

    def model(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            k = numpyro.sample("k", OneHotCategorical(np.ones(3) / 3))
            numpyro.sample("x", dist.Normal(k @ np.arange(3.0), 1.0), obs=x)

    def guide(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            logits = numpyro.param("logits", np.zeros(3))
            numpyro.sample("k", OneHotCategorical(logits=logits + 0 * x[:, None]))

    x = np.zeros(4, np.float32)
    assert {"Concrete", "VIMCO", "RLOO"} <= set(valid_objectives((model, guide), x).valid)
    assert fit((model, guide), x, objective=Concrete(0.5), steps=1, progress=False).step == 1
