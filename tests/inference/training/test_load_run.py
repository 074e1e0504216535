"""A run read from its folder is the run that `fit` returned."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from tiny_runs import assert_same_run, binary, grey_dataset, quick, vae

from inference import load_run, log_likelihood
from inference.errors import RunFolderError


def test_it_equals_the_returned_run(engine, tmp_path, reports):
    run = quick(vae(engine), grey_dataset(), steps=14, out=tmp_path / "run", checkpoint_seconds=0.0)
    again = load_run(tmp_path / "run")
    assert_same_run(run, again)
    assert again.history.equals(run.history)
    assert list(again.history.columns) == ["step", "epoch", "loss", "valid_bound", "seconds"]
    assert (again.spec, again.folder, again.image_shape) == (run.spec, run.folder, (2, 3))
    x = grey_dataset().test
    for name, array in run.latents(x).items():
        assert np.array_equal(array, again.latents(x)[name])
    assert np.array_equal(run.reconstruct(x), again.reconstruct(x))
    assert run.reconstruct(x).shape == x.shape
    assert np.array_equal(run.sample(3), again.sample(3))
    assert np.array_equal(run.decode(z=np.eye(2)), again.decode(z=np.eye(2)))
    score = log_likelihood(run.pair, x, num_particles=4).per_datum
    assert np.array_equal(score, log_likelihood(again.pair, x, num_particles=4).per_datum)


def test_the_batch_of_a_loaded_pair_may_be_an_array(engine, tmp_path, reports):
    run = quick(vae(engine), binary(), steps=3, out=tmp_path / "run")
    for batch in (binary(), (binary(),)):
        assert_same_run(run, load_run(tmp_path / "run", pair=vae(engine), batch=batch))


def functions(parameter):
    """Pyro functions whose guide asks for data; the model draws without."""

    def model(x=None, *, size=1):
        shift = pyro.param(parameter, torch.tensor(0.3))
        with pyro.plate("rows", size if x is None else len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(6), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z + shift, 1.0).to_event(1), obs=x)

    def guide(x):
        width = pyro.param("width", torch.tensor(0.5), constraint=dist.constraints.positive)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(x / 2, width).to_event(1))

    return model, guide


def test_functions_need_rows_to_have_parameters(tmp_path):
    quick(functions("shift"), binary(), steps=2, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"cannot be run without data.*batch=x\[:10\]"):
        load_run(tmp_path / "run", pair=functions("shift"))


@pytest.mark.parametrize("name", ["__metadata__", "__metadata__$", "a/../b", ""])
def test_a_parameter_may_have_any_name(name, tmp_path):
    run = quick(functions(name), binary(), steps=2, out=tmp_path / "run")
    assert name in run.parameters
    again = load_run(tmp_path / "run", pair=functions(name), batch=binary())
    assert_same_run(run, again)


def test_the_folder_is_what_the_module_says(engine, tmp_path, reports):
    quick(
        vae(engine), binary(), steps=20, out=tmp_path / "run", valid=binary(3), patience=9,
        checkpoint_seconds=0.0,
    )  # fmt: skip
    run = tmp_path / "run"
    assert sorted(p.name for p in run.iterdir() if p.name != ".lock") == [
        "checkpoints",
        "history.csv",
        "spec.json",
        "status.json",
    ]
    kept = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert kept == ["step-000000018", "step-000000020"]
    assert sorted(p.name for p in (run / "checkpoints" / kept[-1]).iterdir()) == [
        "best.safetensors",
        "manifest.json",
        "progress.json",
        "state.safetensors",
        "values.safetensors",
    ]
    lines = (run / "history.csv").read_text().splitlines()
    assert lines[0] == "step,epoch,loss,valid_bound,seconds"
    assert [line.split(",")[0] for line in lines[1:]] == ["6", "12", "18", "20"]


def test_a_loaded_pair_is_fitted_on(engine, tmp_path):
    run = quick(vae(engine), binary(), steps=3, out=tmp_path / "run")
    onward = quick(load_run(tmp_path / "run").pair, binary(), steps=3)
    assert_same_run(quick(run.pair, binary(), steps=3), onward)
