"""What cannot work is refused in one sentence that names the thing and the remedy."""

from __future__ import annotations

import functools
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyro.infer import Trace_ELBO
from resealed import reseal
from tiny_runs import BATCH, ROWS, WIDTH, assert_same_run, bare, binary, grey_dataset, quick, vae

from inference import fit, load_run, log_likelihood
from inference.errors import (
    ArgumentError,
    DataError,
    ObjectiveError,
    PairError,
    RunFolderError,
    ZooError,
)


def with_value(value: float) -> np.ndarray:
    x = binary()
    x[7, 2] = value
    return x


ARRAYS = {
    "object": (lambda: binary().astype(object), "real numbers, got dtype object", "convert it"),
    "text": (lambda: binary().astype(str), "real numbers, got dtype <U", "convert it"),
    "complex": (lambda: binary().astype(complex), "got dtype complex128", "x.real"),
    "dates": (lambda: np.zeros((4, WIDTH), "M8[s]"), "got dtype datetime64", "timedelta64"),
    "images": (lambda: binary().reshape(ROWS, 2, 3), f"shape \\(N, {WIDTH}\\)", "flatten each row"),
    "wide": (lambda: np.zeros((ROWS, 784)), r"\(N, 6\).*got \(24, 784\)", "data_dim="),
    "no columns": (lambda: np.zeros((ROWS, 0)), "is empty: it has shape \\(24, 0\\)", "column"),
    "no rows": (lambda: binary()[:0], "is empty: it has shape \\(0, 6\\)", "at least one row"),
    "a number": (lambda: np.float32(3), "must have rows, got the single number 3", "pass an array"),
    "one row": (lambda: binary()[0], f"shape \\(N, {WIDTH}\\).*got \\(6,\\)", r"x\[None\]"),
    "NaN": (lambda: with_value(np.nan), "1 value that is NaN or infinite, in row 7", "remove"),
    "infinite": (lambda: with_value(-np.inf), "NaN or infinite, in row 7", "remove"),
    "overflow": (lambda: with_value(1.0).astype(float) * 1e300, "NaN or infinite", "remove"),
    "bytes": (lambda: (255 * binary()).astype(np.uint8), "values from 0 to 255", "divide by 255"),
    "negative": (lambda: with_value(-0.1), "values from -0.1 to 1", "scale it"),
    "lengths": (lambda: (binary(), binary(5)), "equally many rows, got \\[5, 24\\]", "same length"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays(case, engine):
    make, *words = ARRAYS[case]
    pair = vae(engine)
    with pytest.raises(DataError) as of_fit:
        quick(pair, make(), steps=1)
    with pytest.raises(DataError) as of_score:
        log_likelihood(pair, make(), num_particles=2)
    for caught in (of_fit, of_score):
        assert_sentence(caught, *words)
    with pytest.raises(DataError) as of_valid:
        quick(pair, binary(), valid=make(), steps=1)
    assert_sentence(of_valid, words[0])


def assert_sentence(caught: Any, *words: str) -> None:
    for word in words:
        assert caught.match(word)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    "data", ["digits", None, 3, {"images": 1}, object()], ids=lambda data: type(data).__name__
)
def test_what_is_no_data(data, engine):
    with pytest.raises(DataError) as caught:
        quick(vae(engine), data, steps=1)
    assert_sentence(caught, "data must be a dataset", f"got {type(data).__name__}")


def test_grey_values_are_scored_with_a_warning_in_fit_and_refused_in_evaluation(engine):
    x = with_value(0.5)
    with pytest.warns(UserWarning, match=r"cross-entropy, not a log-likelihood. Binarise") as seen:
        quick(vae(engine), x, steps=1)
    assert Path(seen[0].filename) == Path(quick.__code__.co_filename)  # the line that calls fit
    with pytest.raises(DataError, match=r"cross-entropy, not a log-likelihood. Binarise"):
        log_likelihood(vae(engine), x, num_particles=2)


NUMBERS = {
    "epochs": (0, -1, 2.0, True, "3", float("nan")),
    "steps": (0, -1, 2.5, True),
    "batch_size": (0, -5, 10.0, True, False),
    "patience": (0, -1, 1.5, True),
    "seconds": (0, -1.0, float("nan"), float("inf"), True, "1"),
    "learning_rate": (0, -1e-3, float("nan"), float("inf"), "fast", True),
    "clip_norm": (0, -1, True),
    "average_decay": (float("nan"), True, "slow"),
    "seed": (-1, 1.5, True, None, 2**63),
    "checkpoint_seconds": (-1, "soon", float("nan")),
    "progress": ("loud", 2),
    "device": (0,),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NUMBERS.items() for value in values]
)
def test_numbers(name, value, tmp_path):
    with pytest.raises(ArgumentError, match=f"^{name} must be") as caught:
        quick(vae("pyro"), binary(), **{"steps": 1, "out": tmp_path / "run", name: value})
    assert_sentence(caught, f"got {value!r}".replace("(", "\\("))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seconds", 10**30, "seconds must be at most 1,000,000,000, which is 31 years.*steps="),
        ("seconds", 1e18, "seconds must be at most"),
        ("steps", 10**30, "steps must be at most .* no machine"),
        ("clip_norm", 1e300, "clip_norm must be at most 3.4e.38 in size.*got 1e.300"),
        ("checkpoint_seconds", 1e300, "checkpoint_seconds must be at most"),
    ],
)
def test_budgets_that_nobody_has(name, value, words, tmp_path):
    with pytest.raises(ArgumentError, match=words) as caught:
        quick(vae("pyro"), binary(), **{"steps": 1, "out": tmp_path / "run", name: value})
    assert_sentence(caught)
    assert not (tmp_path / "run").exists()


def test_a_fraction_is_a_number(tmp_path):
    run = quick(vae("pyro"), binary(), seconds=Fraction(1, 100), out=tmp_path / "run")
    assert run.status == "time"
    assert json.loads((tmp_path / "run" / "spec.json").read_text())["budget"]["seconds"] == 0.01


@pytest.mark.parametrize("name", ["num_particles", "chunk_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "5"])
def test_numbers_of_log_likelihood(name, value):
    with pytest.raises(ArgumentError, match=f"^{name} must be a whole number of at least 1"):
        log_likelihood(vae("pyro"), binary(), **{name: value})


OBJECTIVES = {
    "elba": "there is no objective 'elba'. Did you mean 'elbo'",
    "": "there is no objective ''",
    "iwae": "num_particles",
    "iwae:5": "write '5' as keyword=value",
    "iwae:num_particles=0": "num_particles must be a whole number of at least 1, got 0",
    "iwae:num_particles=2.5": "num_particles must be a whole number",
    "iwae:num_particles=True": "num_particles must be a whole number",
    "iwae:particles=5": "It takes: num_particles",
    "elbo:analytic_kl=maybe": "analytic_kl must be True, False or 'auto'",
}


@pytest.mark.parametrize("text", OBJECTIVES)
def test_objective_strings(text):
    with pytest.raises(ArgumentError) as caught:
        quick(vae("pyro"), binary(), steps=1, objective=text)
    assert_sentence(caught, OBJECTIVES[text])


def other(engine: str) -> str:
    return {"pyro": "numpyro", "numpyro": "pyro"}[engine]


def test_what_is_no_objective(engine):
    import numpyro.infer
    import pyro.infer

    losses = {"pyro": pyro.infer.Trace_ELBO(), "numpyro": numpyro.infer.Trace_ELBO()}
    for wrong in (5, None, pyro.infer.Trace_ELBO, losses[other(engine)]):
        with pytest.raises(ArgumentError, match="objective") as caught:
            quick(vae(engine), binary(), steps=1, objective=wrong)
        assert_sentence(caught)


ARGUMENTS: dict[str, tuple[dict[str, Any], type[ZooError], str]] = {
    "no budget": ({"steps": None}, ArgumentError, "pass epochs=, steps= or seconds="),
    "resume without out": ({"resume": True}, ArgumentError, "resume=True needs out="),
    "patience without valid": (
        {"patience": 2},
        ArgumentError,
        "needs validation data; pass valid=",
    ),
    "device": ({"device": "abacus"}, ArgumentError, "device.*'abacus'"),
    "engine": ({"engine": "stan"}, ArgumentError, "must be 'pyro' or 'numpyro', got 'stan'"),
    "optimizer name": ({"optimizer": "adaam"}, ArgumentError, "optimizer='adaam' is no"),
    "optimizer setting": ({"optimizer": "adam:b=1"}, ArgumentError, "optimizer='adam:b=1' is no"),
    "optimizer words": ({"optimizer": "adam:b"}, ArgumentError, "write 'b' as keyword=value"),
    "optimizer number": ({"optimizer": 0.1}, ArgumentError, "optimizer= of a .*got float"),
    "schedule name": ({"schedule": "linear"}, ArgumentError, "constant, cosine .*got 'linear'"),
    "cosine without end": (
        {"schedule": "cosine", "steps": None, "seconds": 1.0},
        ArgumentError,
        "needs to know the last step; give steps=, or epochs=",
    ),
    "valid of another width": ({"valid": np.zeros((5, 3))}, DataError, "valid must have shape"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(case, engine):
    arguments, kind, words = ARGUMENTS[case]
    with pytest.raises(kind, match=words) as caught:
        quick(vae(engine), binary(), **({"steps": 1} | arguments))
    assert_sentence(caught)


@pytest.mark.parametrize("pair", [None, "vae", 3, (1,), (1, 2, 3)], ids=str)
def test_what_is_no_pair(pair):
    with pytest.raises(ArgumentError, match=r"pair must be .*tuple of functions; got") as caught:
        fit(pair, binary(), steps=1)
    assert_sentence(caught)


def test_the_other_engines_optimisers(engine):
    import numpyro.optim
    import optax
    import torch

    wrong = {
        "pyro": (optax.adam(1e-3), optax.adam, numpyro.optim.Adam(1e-3)),
        "numpyro": (torch.optim.Adam, functools.partial(torch.optim.SGD, lr=0.1)),
    }[engine]
    for optimizer in wrong:
        with pytest.raises(ArgumentError, match=r"optimizer= .*must be"):
            quick(vae(engine), binary(), steps=1, optimizer=optimizer)


def test_a_pair_that_fails_on_the_data_names_the_shape(engine):
    with pytest.raises(PairError, match=r"fails on a batch of shape \(4, 3\)") as caught:
        quick(bare(engine), np.zeros((ROWS, 3)), steps=1)
    assert_sentence(caught, "Call model and guide on such a batch")


def test_bare_functions_check_validation_before_the_first_step(engine):
    with pytest.raises(DataError, match=r"validation data has shape \(5, 3\).*\(24, 6\)"):
        quick(bare(engine), binary(), valid=np.zeros((5, 3)), steps=1)


def test_arrays_of_bare_functions(engine):
    for wrong in (np.zeros((ROWS, 0)), (np.float32(1), None), (binary(), binary(3))):
        with pytest.raises(DataError):
            quick(bare(engine), wrong, steps=1)
    with pytest.raises(PairError, match="takes 1 positional argument but 2 were given"):
        quick(bare(engine), (binary(), np.float32(1)), steps=1)


# ---------------------------------------------------------------- iterables


def test_an_empty_iterable(engine):
    for empty in ([], iter(())):
        with pytest.raises(DataError, match="iterable of batches is empty; it must yield"):
            quick(vae(engine), empty, steps=1)
    with pytest.raises(DataError, match=r"without arguments, \[\(\)\] is one"):
        quick(bare(engine), (), steps=1)


def test_a_loss_with_the_pair_in_it():
    model, guide = bare("pyro")
    with pytest.raises(ArgumentError, match=r"without the pair, such as Trace_ELBO\(\)"):
        quick((model, guide), binary(), steps=1, objective=Trace_ELBO()(model, guide))


BATCHES = {
    "NaN": (lambda: with_value(np.nan)[:BATCH * 2], "NaN or infinite"),
    "support": (lambda: 3 * np.ones((BATCH, WIDTH)), "a batch has values from 3 to 3"),
    "width": (lambda: np.ones((BATCH, 3)), "a batch must have shape"),
    "text": (lambda: "batch", "real numbers"),
    "empty": (lambda: binary()[:0], "a batch is empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BATCHES)
def test_a_bad_batch_loses_nothing(case, engine, tmp_path):
    make, words = BATCHES[case]

    class Stream:
        def __init__(self, last):
            self.last = last

        def __iter__(self):
            yield from (binary(BATCH, seed=s) for s in range(5))
            yield self.last

    good = binary(BATCH, seed=5)
    with pytest.raises(DataError, match=words) as caught:
        quick(vae(engine), Stream(make()), steps=6, out=tmp_path / "run")
    assert_sentence(caught)
    assert load_run(tmp_path / "run").step == 5
    resumed = quick(vae(engine), Stream(good), steps=6, out=tmp_path / "run", resume=True)
    assert_same_run(quick(vae(engine), Stream(good), steps=6), resumed)


def test_an_iterator_that_runs_out_loses_nothing(engine, tmp_path):
    batches = [binary(BATCH, seed=s) for s in range(5)]
    with pytest.raises(DataError, match="used up after one epoch; pass something") as caught:
        quick(vae(engine), iter(batches), steps=8, out=tmp_path / "run")
    assert_sentence(caught)
    assert load_run(tmp_path / "run").step == 5

    class Hidden:
        def __init__(self):
            self.batches = iter(batches)

        def __iter__(self):
            return self.batches

    with pytest.raises(DataError, match="empty when it is gone through again"):
        quick(vae(engine), Hidden(), steps=8)


def test_resuming_with_fewer_batches(tmp_path, reports, ctrl_c):
    ctrl_c(8)
    stream = (binary(BATCH, seed=s) for s in range(20))
    quick(vae("pyro"), stream, steps=20, out=tmp_path / "run")
    stream = (binary(BATCH, seed=s) for s in range(3))
    with pytest.raises(DataError, match=r"stopped after 8 batches .*only 3; pass the batches"):
        quick(vae("pyro"), stream, steps=20, out=tmp_path / "run", resume=True)
    assert load_run(tmp_path / "run").step == 8


# ---------------------------------------------------------------- folders


def test_out_that_cannot_be_a_run_folder(engine, tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    for out, words in (
        (tmp_path / "file", "exists and is no run folder; choose another"),
        (tmp_path / "other", "exists and is no run folder; choose another"),
        (tmp_path / "file" / "below", "cannot be written: Not a directory.*Choose a folder"),
    ):
        with pytest.raises(RunFolderError, match=words) as caught:
            quick(vae(engine), binary(), steps=1, out=out)
        assert_sentence(caught, str(out))
    assert (tmp_path / "file").read_text() == "precious"
    assert os.listdir(tmp_path / "other") == ["thesis.txt"]


def test_a_folder_without_permission(monkeypatch, tmp_path):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunFolderError, match=r"cannot be written: Permission denied. Choose"):
        quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")
    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(RunFolderError, match=r"cannot be written: Permission denied. Choose"):
        quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")


def test_a_run_is_not_overwritten(engine, tmp_path):
    run = quick(vae(engine), binary(), steps=2, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match="already holds a run; pass resume=True") as caught:
        quick(vae(engine), binary(), steps=4, out=tmp_path / "run")
    assert_sentence(caught)
    assert_same_run(run, load_run(tmp_path / "run"))


def optimisers(engine: str) -> tuple[Any, Any]:
    if engine == "pyro":
        import torch

        adam = functools.partial(torch.optim.Adam, lr=0.1)
        return adam, functools.partial(adam, lr=0.2)
    import optax

    return optax.chain(optax.clip(1.0), optax.adam(0.1)), optax.chain(
        optax.clip(1.0), optax.adam(0.2)
    )


def test_resume_names_the_first_difference(engine, tmp_path):
    first, second = optimisers(engine)
    base: dict[str, Any] = {"steps": 2, "valid": binary(5, seed=4), "optimizer": first}
    run = quick(vae(engine), binary(), out=tmp_path / "run", **base)
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())
    changes: list[tuple[Any, Any, dict[str, Any], str]] = [
        (vae(engine, hidden=(4,)), binary(), {}, r"hyperparameters.hidden was \[3\] and is"),
        (vae(engine, seed=1), binary(), {}, r"pair.hyperparameters.seed was 0 and is now 1"),
        (bare(engine), binary(), {}, r"pair.class was 'ppl_models.directed"),
        (vae(engine), binary(seed=9), {}, r"data.id was 'array/\w+' and is now 'array/"),
        (vae(engine), binary(), {"valid": binary(5, seed=8)}, r"data.valid was 'array/"),
        (vae(engine), binary(), {"objective": "iwae:num_particles=2"}, r"objective was 'elbo'"),
        (vae(engine), binary(), {"seed": 1}, r"training.seed was 0 and is now 1"),
        (vae(engine), binary(), {"batch_size": 5}, r"training.batch_size was 4 and is now 5"),
        (vae(engine), binary(), {"patience": 5}, r"training.patience was None and is now 5"),
        (vae(engine), binary(), {"clip_norm": 5}, r"training.clip_norm was None and is now 5"),
        (vae(engine), binary(), {"optimizer": second}, r"training.optimizer was '"),
    ]  # fmt: skip
    for pair, data, arguments, words in changes:
        with pytest.raises(RunFolderError, match=words) as caught:
            quick(pair, data, out=tmp_path / "run", resume=True, **(base | arguments))
        assert_sentence(caught, "Resume with the arguments in its spec.json, or choose another")
    assert json.loads((tmp_path / "run" / "spec.json").read_text()) == spec
    assert_same_run(run, load_run(tmp_path / "run"))


def test_a_different_list_of_batches_is_different_data(tmp_path):
    batches = [binary(BATCH, seed=s) for s in range(3)]
    quick(vae("pyro"), batches, steps=2, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"data.id was 'list/"):
        quick(vae("pyro"), batches[:2], steps=4, out=tmp_path / "run", resume=True)


def test_a_function_with_other_numbers_is_another_schedule(tmp_path):
    quick(vae("pyro"), binary(), steps=2, schedule=lambda step: 0.9**step, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"training.schedule was '"):
        quick(
            vae("pyro"),
            binary(),
            steps=4,
            schedule=lambda step: 0.8**step,
            out=tmp_path / "run",
            resume=True,
        )


def test_a_damaged_checkpoint_is_put_right_as_the_message_says(engine, tmp_path, reports):
    arguments: dict[str, Any] = {"out": tmp_path / "run", "checkpoint_seconds": 0.0}
    run = quick(vae(engine), binary(), steps=18, **arguments)
    newest = tmp_path / "run" / "checkpoints" / "step-000000018"
    (newest / "values.safetensors").write_bytes(b"")
    for attempt in (
        lambda: load_run(tmp_path / "run"),
        lambda: quick(vae(engine), binary(), steps=18, resume=True, **arguments),
    ):
        with pytest.raises(RunFolderError, match=r"step-000000018 is damaged .values") as caught:
            attempt()
        assert_sentence(caught, "Delete that folder, and the run continues from step-000000012")
    shutil.rmtree(newest)
    assert load_run(tmp_path / "run").step == 12
    assert_same_run(run, quick(vae(engine), binary(), steps=18, resume=True, **arguments))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("os:system", "'os:system' is neither the zoo's nor of an installed plugin"),
        ("subprocess:Popen", "neither the zoo's"),
        ("nowhere:VAE", "neither the zoo's .*pass the pair"),
        ("os", "neither the zoo's"),
        (":VAE", "neither the zoo's"),
        (".vae:VAE", "neither the zoo's"),
        (["os", "system"], "neither the zoo's"),
        ("ppl_models.nowhere:VAE", "cannot be imported"),
        ("ppl_models.directed.vae:Nothing", "cannot be imported"),
        ("ppl_models._registry:Path", "not a class with model and guide"),
    ],
)
def test_a_spec_that_names_no_pair_is_refused_and_nothing_is_called(
    path, words, tmp_path, monkeypatch
):
    called = []
    monkeypatch.setattr(os, "system", lambda *args, **kwargs: called.append(args))
    quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")
    spec_path = tmp_path / "run" / "spec.json"
    reseal(
        spec_path,
        lambda spec: spec["pair"].update({"class": path, "hyperparameters": {"command": "echo"}}),
    )
    with pytest.raises(RunFolderError, match=words):
        load_run(tmp_path / "run")
    assert called == []


def test_a_spec_without_its_pair(tmp_path):
    quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")
    spec_path = tmp_path / "run" / "spec.json"
    reseal(spec_path, lambda spec: spec.update(qair=spec.pop("pair")))
    with pytest.raises(RunFolderError, match=r"spec.json is damaged .*Restore it from a copy"):
        load_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"pair was None and is now"):
        quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run", resume=True)


def test_a_spec_with_wrong_hyperparameters(tmp_path):
    quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")
    spec_path = tmp_path / "run" / "spec.json"
    for wrong in (
        {"latent": 2},
        {"latent_dim": -1},
        {"hidden": [1] * 100_000},
        {"data_dim": 10**12},
    ):
        reseal(spec_path, lambda spec, wrong=wrong: spec["pair"].update(hyperparameters=wrong))
        with pytest.raises(RunFolderError, match="cannot be built from the spec's hyperparameters"):
            load_run(tmp_path / "run")


def test_loading_into_another_pair_is_refused(engine, tmp_path):
    quick(vae(engine), binary(), steps=1, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match="holds other parameters than this pair"):
        load_run(tmp_path / "run", pair=vae(engine, hidden=(4,)))


def test_loading_before_the_first_checkpoint(tmp_path):
    quick(vae("pyro"), binary(), steps=1, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(RunFolderError, match=r"has no checkpoint yet.*resume=True"):
        load_run(tmp_path / "run")


def test_objectives_that_do_not_fit_are_refused_before_a_folder_is_filled(engine, tmp_path):
    pair = bare(engine)
    guide = pair[1]
    with pytest.raises((PairError, ObjectiveError)):
        quick((guide, guide), binary(), steps=1, out=tmp_path / "run", objective="elbo")
    assert quick(pair, grey_dataset().valid, steps=1, out=tmp_path / "two").status == "finished"
