"""The `ppl-zoo` command, run in this process but for the test of what it imports."""

import dataclasses
import inspect
import json
import re
import shlex
import signal
import subprocess
import sys

import pytest
from rows import MODELS, ROWS
from typer.testing import CliRunner

from inference import annealed_importance_sampling, drawn_rows, load_run, log_likelihood
from inference.cli import app, main
from inference.cli.data import data_options, parse_data_id
from inference.cli.settings import Hyperparameter, hyperparameters, parse_settings
from inference.cli.text import _in_options, console
from inference.errors import ArgumentError
from inference.training.progress import Progress
from ppl_models import create, info, list_models, list_pretrained
from ppl_models.datasets import load, options_of

ENGINES = ("numpyro", "pyro")
SMALL = ["--set", "hidden=8", "--set", "latent_dim=2"]
HEAVY = ("torch", "jax", "pyro", "numpyro", "pandas", "sklearn", "matplotlib")


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Tables wide enough that no cell is folded."""
    monkeypatch.setattr(console, "_width", 300)


def invoke(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def succeed(*words):
    result = invoke(*words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refuse(*words):
    """The sentence with which a command is refused."""
    result = invoke(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    return result.stderr.removeprefix("error: ").strip()


def facts(table):
    """First to second column of a table of facts, without lines that only go on with a cell."""
    cells = (re.split(r"\s*│\s*", line.strip("│ ")) for line in table.splitlines() if "│" in line)
    return {each[0]: each[1] for each in cells if len(each) > 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One short run per engine: engine to its folder and what `train` printed."""
    trained = {}
    for engine in ENGINES:
        folder = tmp_path_factory.mktemp("runs") / "a run"
        words = ["--engine", engine, "--steps", 3, "--out", folder, "--data-seed", 7]
        trained[engine] = folder, succeed("train", "vae", "--bias-from-data", *words, *SMALL)
    return trained


# What needs no framework


@pytest.mark.parametrize(
    "words", [["list"], ["show", "vae"], ["--help"], ["train", "--help"], ["new", "--help"]]
)
def test_quick_commands_import_nothing_heavy(words):
    program = (
        "import sys\n"
        "from inference.cli import app\n"
        "try:\n"
        f"    app({words!r})\n"
        "except SystemExit as leave:\n"
        "    assert leave.code == 0\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_list_shows_every_model():
    printed = succeed("list")
    for name in list_models():
        card = info(name)
        line = next(line for line in printed.splitlines() if line.startswith(f"│ {name} "))
        assert card.title in line
        assert card.family in line
        assert all(engine in line for engine in card.engines)


def test_list_takes_a_pattern_and_an_engine():
    printed = succeed("list", "v?e", "--engine", "pyro")
    assert "vae" in printed
    assert "ppca" not in printed


@pytest.mark.parametrize("name", MODELS)
def test_show_prints_card_and_hyperparameters(name):
    card, printed = info(name), succeed("show", name)
    assert facts(printed)["reference"] == card.reference
    assert facts(printed)["title"] == card.title
    assert "data_dim" in printed or "image_shape" in printed


def test_a_data_set_shows_each_option_with_its_meaning():
    shown = facts(succeed("data", "show", "digits"))
    assert shown["seed"].startswith("seed of the draws of valid and test")
    assert all(shown[option] for option in options_of("digits"))
    assert "Args:" not in succeed("data", "show", "digits")


def test_names_of_weights_are_not_cut(monkeypatch):
    monkeypatch.setattr(console, "_width", 80)
    assert all(name in succeed("show", "vae") for name in list_pretrained(model="vae"))


def test_show_renders_markdown_and_no_markup(monkeypatch):
    text = "## Story\n\nA *latent* [red]z[/red].\n\n| a | b |\n|---|---|\n| 1.5 | 2.5 |"
    card = dataclasses.replace(info("vae"), title="[red]VAE :smile:", text=text)
    monkeypatch.setattr("inference.cli.info", lambda name: card)
    printed = succeed("show", "vae")
    assert facts(printed)["title"] == "[red]VAE :smile:"
    assert "A latent [red]z[/red]." in printed
    assert "##" not in printed
    assert "|---|" not in printed
    assert "2.5" in printed


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_hyperparameters_are_those_of_the_constructor(name, engine):
    card = info(name)
    if engine not in card.engines:
        assert hyperparameters(card, engine) == {}
        return
    read = hyperparameters(card, engine)
    row = next(row for row in ROWS.values() if row.model == name)
    keywords = inspect.signature(type(create(name, engine=engine, **row.hyperparameters)))
    assert {key: repr(keyword.default) for key, keyword in keywords.parameters.items()} == {
        key: parameter.default for key, parameter in read.items()
    }
    assert all(parameter.meaning for parameter in read.values())


def test_version_and_help(capsys, monkeypatch):
    assert re.fullmatch(r"ppl-zoo \d+\.\d+\.\d+\n", succeed("--version"))
    assert "evaluate" in succeed()
    monkeypatch.setattr(sys, "argv", ["ppl-zoo", "--version"])
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 0
    assert capsys.readouterr().out.startswith("ppl-zoo ")


# From words to arguments


def test_settings_are_literals_or_bare_words():
    accepted = {"hidden": Hyperparameter("(200, 200)", "")}
    items = ["latent_dim=20", "hidden=20,10", "activation=relu", "scale=1e-2", "mean=None", "s=a=b"]
    items += ["attention=true", "tied=False"]
    assert parse_settings(items, accepted) == {
        "latent_dim": 20,
        "hidden": (20, 10),
        "activation": "relu",
        "scale": 0.01,
        "mean": None,
        "s": "a=b",
        "attention": True,
        "tied": False,
    }
    assert parse_settings(["hidden=5"], accepted) == {"hidden": (5,)}


@pytest.mark.parametrize("item", ["latent_dim", "=3", "latent_dim=", "a b=3"])
def test_settings_of_another_form_are_refused(item):
    with pytest.raises(ArgumentError, match="--set must be KEY=VALUE"):
        parse_settings([item], {})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits", {}),
        ("digits", {"seed": 3}),
        ("digits", {"binarisation": "threshold"}),
        ("digits", {"binarisation": None}),
        ("digits", {"labels": 100, "label_seed": 2}),
        ("sequences", {}),
        ("eight_schools", {}),
        ("bars", {"concentration": 0.5}),
    ],
)
def test_data_id_gives_back_the_data(name, options):
    given = load(name, **options).data_id("train")
    again, read = parse_data_id(str(given))
    assert load(again, **read).data_id("train") == given


def test_a_file_may_have_a_plus_in_its_name() -> None:
    assert parse_data_id("my+rows.csv+split_seed=3/train/real/0123") == (
        "my+rows.csv",
        {"binarisation": "real", "split_seed": 3},
    )


@pytest.mark.parametrize("identity", ["array/0123", "iterable/list", "digits/test/grey/0123", ""])
def test_ids_of_other_data_are_refused(identity):
    with pytest.raises(ArgumentError, match="no data set"):
        parse_data_id(identity)


def test_data_options_leave_out_what_was_not_given():
    assert data_options(None, None) == {}
    assert data_options("grey", 0) == {"binarisation": None, "seed": 0}
    assert data_options("static", None) == {"binarisation": "static"}


def test_messages_speak_of_options():
    assert _in_options("pass epochs=, batch_size= or seconds=.") == (
        "pass --epochs, --batch-size or --seconds."
    )
    assert _in_options("out='a' exists; pass resume=True to\ncontinue") == (
        "--out 'a' exists; pass --resume to continue"
    )
    assert _in_options("or use likelihood='gaussian'.") == "or use --set likelihood='gaussian'."
    identity = "data.id was 'digits/train/dynamic/seed=0/012'"
    assert _in_options(identity) == identity


# Train, evaluate, resume


@pytest.mark.parametrize("engine", ENGINES)
def test_train_reports_the_run(runs, engine):
    folder, printed = runs[engine]
    report, run = facts(printed), load_run(folder)
    assert report["engine"] == engine
    assert report["objective"].startswith("elbo")
    assert report["steps"] == "3"
    assert report["status"] == "finished"
    assert report["folder"] == str(folder)
    assert report["training bound"] == f"{-run.rows[-1]['loss']:.3f} nats per datum"
    assert report["validation bound"] == f"{run.rows[-1]['valid_bound']:.3f} nats per datum"
    assert run.spec["pair"]["hyperparameters"]["hidden"] == [8]
    assert run.spec["pair"]["hyperparameters"]["data_dim"] == 64
    assert len(run.spec["pair"]["hyperparameters"]["data_mean"]) == 64
    assert f"ppl-zoo evaluate {shlex.quote(str(folder))}" in printed


@pytest.mark.parametrize("engine", ENGINES)
def test_evaluate_scores_the_data_of_the_run_and_draws(runs, engine, tmp_path):
    folder, printed = runs[engine]
    command = shlex.split(printed.split("Score it with: ")[1])[1:]
    assert command == ["evaluate", str(folder)]
    figures = tmp_path / "deep" / "figures"
    options = ["--particles", 5, "--rows", 20, "--seed", 1, "--figures", figures]
    scored = succeed(*command, *options)
    report, data = facts(scored), load("digits", seed=7)
    x = drawn_rows(data.test, 20)
    expected = log_likelihood(load_run(folder).pair, x, num_particles=5, seed=1)
    assert report["data"] == str(data.data_id("test"))
    assert report["rows"] == "20 of 300, drawn by seed 0"
    assert report["method"] == "iw, K=5"
    assert report["mean log-likelihood"] == f"{expected.mean:.3f} nats per datum"
    assert report["NLL"] == f"{-expected.mean:.3f}"
    assert report["standard error"] == f"{expected.standard_error:.3f}"
    assert report["engine"] == engine
    for name in ("learning_curve.png", "samples.png", "reconstructions.png"):
        assert (figures / name).read_bytes().startswith(b"\x89PNG")
        assert str(figures / name) in scored


def test_evaluate_in_closed_form(tmp_path):
    words = ["--steps", 2, "--engine", "pyro", "--binarisation", "grey", "--out", tmp_path / "run"]
    succeed("train", "ppca", *words)
    report = facts(succeed("evaluate", tmp_path / "run", "--method", "exact", "--split", "train"))
    assert report["method"] == "exact"
    assert report["rows"] == "1,297 of 1,297"
    thinned = facts(succeed("evaluate", tmp_path / "run", "--method", "exact", "--every", 100))
    some = load("digits", binarisation=None).test[::100]
    expected = log_likelihood(load_run(tmp_path / "run").pair, some, method="exact")
    assert thinned["rows"] == "3 of 3 (each 100th of 300)"
    assert thinned["mean log-likelihood"] == f"{expected.mean:.3f} nats per datum"


def test_evaluate_by_annealing(runs):
    folder, _ = runs["pyro"]
    options = ["--method", "ais", "--chains", 3, "--temperatures", 5, "--rows", 10, "--seed", 1]
    report = facts(succeed("evaluate", folder, *options, "--noise-scale", 0.5))
    expected = annealed_importance_sampling(
        load_run(folder).pair,
        drawn_rows(load("digits", seed=7).test, 10),
        num_chains=3,
        num_temperatures=5,
        noise_scale=0.5,
        seed=1,
    )
    assert report["method"] == expected.method
    assert report["mean log-likelihood"] == f"{expected.mean:.3f} nats per datum"
    for option in ("--noise-scale", "--chains", "--temperatures"):
        assert f"{option} is for --method ais" in refuse("evaluate", folder, option, 1)
    assert "and ais draws none" in refuse("evaluate", folder, "--particles", 2, "--method", "ais")
    for command in (("evaluate", folder), ("check", "vae", "--data", "digits")):
        for option, words in (("--rows", "rows must be at most"), ("--rows-seed", "seed must be")):
            assert words in refuse(*command, "--rows", 2, option, 10**400)


def test_an_interrupted_run_goes_on_with_the_command_that_is_printed(tmp_path, monkeypatch):
    folder = tmp_path / "[red] run"
    advance = Progress.advance

    def interrupt(self, *given):
        advance(self, *given)
        signal.raise_signal(signal.SIGINT)

    options = ["--engine", "pyro", "--steps", 12, "--objective", "iwae:num_particles=2", *SMALL]
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "advance", interrupt)
        result = invoke("train", "vae", *options, "--seed", 3, "--bias-from-data", "--out", folder)
    assert result.exit_code == 130
    report = facts(result.stdout)
    assert report["status"] == "interrupted"
    assert report["folder"] == str(folder)
    assert 0 < int(report["steps"]) < 12
    program, *command = shlex.split(result.stdout.split("Go on with: ")[1])
    assert program == "ppl-zoo"
    finished = facts(succeed(*command))
    assert finished["status"] == "finished"
    assert finished["steps"] == "12"


def test_without_a_budget_it_says_how_long_it_trains(monkeypatch):
    asked = {}

    def refusing_fit(pair, data, **options):
        asked.update(options, pair=pair)
        raise ArgumentError("enough.")

    monkeypatch.setattr("inference.training.fit.fit", refusing_fit)
    result = invoke("train", "vae", *SMALL, "--seed", 5, "--learning-rate", "0.01", "--patience", 2)
    assert result.exit_code == 2
    assert "training for 20 epochs" in result.stdout
    assert asked["epochs"] == 20
    assert asked["learning_rate"] == 0.01
    assert asked["patience"] == 2
    assert asked["seed"] == asked["pair"].hyperparameters["seed"] == 5
    assert asked["out"].parts == ("runs", "vae-numpyro")


@pytest.mark.parametrize("error", [TypeError, RuntimeError])
def test_programming_errors_are_not_hidden(monkeypatch, error):
    def broken_fit(*_, **__):
        raise error("a bug")

    monkeypatch.setattr("inference.training.fit.fit", broken_fit)
    with pytest.raises(error, match="a bug"):
        invoke("train", "vae", *SMALL)


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines(tmp_path):
    words = ["--engine", "pyro", "--binarisation", "grey", "--steps", 1, "--out", tmp_path / "run"]
    result = invoke("train", "vae", *words, *SMALL)
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert lines
    assert all(line.startswith("warning: ") for line in lines)


# Wrong input


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["show", "vea"], "Did you mean 'vae'"),
        (["show", "[red]vae"], r"\[red\]vae"),
        (["list", "*nothing*"], "no model matches"),
        (["list", "--engine", "jax"], "no engine 'jax'"),
        (["train"], "(?i)missing argument 'name'. `.* train --help` shows what it takes"),
        (["train", "vae", "digits"], "Write --data digits"),
        (["train", "vae", "latent_dim=3"], "Write --set KEY=VALUE"),
        (["list", "vae", "more"], "list --help` shows what it takes"),
        (["train", "vea"], "Did you mean 'vae'"),
        (["train", "vae", "--epochs", "x"], "--epochs"),
        (["train", "vae", "--engine", "jax"], "no engine 'jax'"),
        (["train", "vae", "--engine", "jax", "--bias-from-data"], "no engine 'jax'"),
        (["train", "vae", "--data", "digit"], "Did you mean 'digits'"),
        (["train", "vae", "--binarisation", "static"], "binarisation of 'digits' must be one of"),
        (["train", "vae", "--objective", "iwea"], "Did you mean 'iwae'"),
        (["train", "vae", "--objective", "iwae:k=2"], "num_particles"),
        (["train", "vae", "--set", "latnt_dim=3"], "no hyperparameter 'latnt_dim'"),
        (["train", "vae", "--set", "latent_dim=x"], "latent_dim must be a whole number"),
        (["train", "vae", "--set", "hidden=x"], "entry of hidden must be a whole number"),
        (["train", "vae", "--set", "seed=x"], "seed"),
        (["train", "vae", "--set", "latent_dim"], "--set must be KEY=VALUE"),
        (["train", "vae", "--set", "data_dim=9"], r"must have shape \(N, 9\)"),
        (["train", "vae", "--seed", "9" * 30], "seed"),
        (["train", "vae", "--steps", "0"], "steps must be a whole number"),
        (["train", "vae", "--batch-size", "0"], "batch_size must be a whole number"),
        (["evaluate", "nowhere"], "no run folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "says",
)
def test_wrong_input_is_answered_with_a_sentence(words, message, tmp_path):
    if words[0] == "train":
        words = [*words, "--out", str(tmp_path / "run")]
        if "--steps" not in words:
            words += ["--steps", "1"]
    assert re.search(message, refuse(*words))
    assert not (tmp_path / "run").exists()


def test_a_folder_is_never_overwritten(runs, tmp_path):
    words = ["train", "vae", "--steps", 3, *SMALL, "--out"]
    (tmp_path / "mine.txt").write_text("mine")
    assert "pass --resume" in refuse(*words, runs["numpyro"][0])
    assert "is no run folder" in refuse(*words, tmp_path)
    assert "different run" in refuse(*words, runs["numpyro"][0], "--resume", "--seed", 1)


def test_evaluate_refuses_what_it_cannot_score(runs, tmp_path):
    folder = runs["numpyro"][0]
    assert "--split" in refuse("evaluate", folder, "--split", "[red]")
    assert "grey values" in refuse("evaluate", folder, "--split", "train")
    assert "--method 'exact' needs" in refuse("evaluate", folder, "--method", "exact")
    assert "--rows" in refuse("evaluate", folder, "--rows", 0)
    assert "--particles" in refuse("evaluate", folder, "--particles", 0)
    taken = tmp_path / "[red]"
    taken.write_text("mine")
    assert f"{taken} cannot be used" in refuse("evaluate", folder, "--figures", taken)


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("digits/train/dynamic/seed=0/000000000000", "but this machine has digits/train/dynamic"),
        ("array/0123456789ab", "is no data set"),
        ("digit/train/grey/0123456789ab", "Did you mean 'digits'"),
    ],
)
def test_evaluate_refuses_other_data_than_the_run_had(tmp_path, identity, message):
    (tmp_path / "spec.json").write_text(json.dumps({"data": {"id": identity}}))
    assert message in refuse("evaluate", tmp_path)
