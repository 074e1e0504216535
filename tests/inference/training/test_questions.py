"""What a run, a pair and an objective are asked with: refused by name where it means nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_runs import bare, binary, quick, vae

from inference import (
    MMD,
    NVIL,
    InfoVAE,
    explain,
    fit,
    load_run,
    log_likelihood,
    valid_objectives,
)
from inference.errors import DataError, ZooError
from ppl_models import create
from ppl_models.datasets import observed_pixels

NAN = float("nan")


@pytest.fixture(scope="module", params=["pyro", "numpyro"])
def run(request):
    return quick(vae(request.param), binary(), steps=2)


SIZES = [1.5, 0, -1, True, "3", None, [2], 10**30, NAN]
QUESTIONS: dict[str, tuple[Any, str]] = {
    "decode of no latent": (lambda r: r.decode(), "decode needs values of latents"),
    "decode of an unknown name": (lambda r: r.decode(y=np.zeros((3, 2))), "no latent 'y'; it has"),
    "decode of other columns": (lambda r: r.decode(z=np.zeros((3, 3))), r"z must have .*\(3, 2"),
    "decode of a row": (lambda r: r.decode(z=np.zeros(2)), "z must have shape"),
    "decode of a number": (lambda r: r.decode(z=np.zeros(())), "z must have one row"),
    "decode of NaN": (lambda r: r.decode(z=np.full((3, 2), NAN)), "z holds NaN"),
    "decode of text": (lambda r: r.decode(z=np.array([["a", "b"]])), "z must hold real numbers"),
    "decode of a word": (lambda r: r.decode(z="x"), "z must be an array .* got 'x'"),
    "sample beside a word": (lambda r: r.sample(2, "x"), "argument 1 besides x must be an array"),
    "latents of a row": (lambda r: r.latents(binary()[0]), r"x must have shape \(N, 6\)"),
    "latents of other columns": (lambda r: r.latents(binary()[:, :5]), "x must have shape"),
    "latents of NaN": (lambda r: r.latents(binary() * NAN), "x has 144 values that are NaN"),
    "reconstruct of a row": (lambda r: r.reconstruct(binary()[0]), "x must have shape"),
    "explain of a row": (lambda r: explain(r, binary()[0]), "batch must have shape"),
    "valid_objectives of a row": (lambda r: valid_objectives(r, binary()[0]), "batch must have"),
    "explain of a model": (lambda r: explain(r.pair.model, binary()), "by itself has no posterior"),
    "valid_objectives of a model": (
        lambda r: valid_objectives(r.pair.model, binary()),
        "by itself has no posterior",
    ),
    "sample of another seed": (lambda r: r.sample(2, seed=-1), "seed must be a whole number"),
    "sample with too much": (lambda r: r.sample(2, np.zeros(2)), "the model fails when it draws"),
    "sample beside other rows": (lambda r: r.sample(2, np.zeros(5)), "must have 2 rows"),
    "endless particles": (
        lambda r: log_likelihood(r, binary(), num_particles=10**30),
        "num_particles must be at most",
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions(question, run):
    ask, words = QUESTIONS[question]
    with pytest.raises(ZooError, match=words):
        ask(run)


@pytest.mark.parametrize("size", SIZES, ids=repr)
def test_sizes_of_samples(size, run):
    with pytest.raises(ZooError, match="size must be"):
        run.sample(size)
    assert run.sample(np.int64(3)).shape == (3, 6)


@pytest.mark.parametrize("path", ["", 5, [], None, b"runs", "a\0b", 1.5], ids=repr)
def test_paths(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZooError, match="path must be a path"):
        load_run(path)
    if path is not None:
        with pytest.raises(ZooError, match="out must be a path"):
            quick(vae("pyro"), binary(), steps=1, out=path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("factor", [-1.0, NAN, float("inf"), "half", None, [1, 2]], ids=repr)
@pytest.mark.parametrize("late", [False, True])
def test_schedules(factor, late, engine):
    def schedule(step):
        return factor if not late or step > 1 else 1.0

    with pytest.raises(ZooError, match=r"schedule must give a factor .* got"):
        quick(vae(engine), binary(), steps=12, schedule=schedule)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MMD(features=5),
        lambda: MMD(features=int),
        lambda: MMD(features="encoder"),
        lambda: NVIL(decay=1.0),
        lambda: NVIL(decay=-0.1),
        lambda: InfoVAE(alpha=-1),
        lambda: observed_pixels((4, 4), 1.5),  # pyright: ignore[reportArgumentType]
        lambda: observed_pixels((4, 4), 4),
        lambda: observed_pixels((16,), 1),
    ],
)
def test_objectives_and_data(make):
    with pytest.raises(ValueError, match="must"):
        make()


def test_a_validation_bound_without_a_value_does_not_stop_a_run(engine, reports, monkeypatch):
    """Two reports of -inf, then finite ones that improve: patience of two counts none of them."""
    import importlib

    trainer: Any = importlib.import_module(f"inference.engines.{engine}.training").Trainer
    bounds = iter([-np.inf, -np.inf, -np.inf, -8.0, -7.0, -7.5, -7.6, -7.7])
    monkeypatch.setattr(trainer, "evaluate", lambda self, rows: next(bounds) * 5)
    with pytest.warns(UserWarning, match=r"validation bound is -inf at step 6.*patience="):
        run = quick(bare(engine), binary(), steps=60, valid=binary(5, seed=2), patience=2)
    assert run.status == "stopped early"
    assert [row["valid_bound"] for row in run.rows] == [-np.inf] * 3 + [-8.0, -7.0, -7.5, -7.6]


def test_a_list_of_sequences_is_told_to_be_one_array() -> None:
    pair = create("deep_markov", engine="pyro", data_dim=2, length=3)
    with pytest.raises(DataError, match=r"padded with zeros, beside their lengths: \(x, lengths\)"):
        fit(pair, [np.zeros((2, 2)), np.zeros((3, 2))], steps=1, progress=False)
