"""Every option of `fit` has its effect; a form that could have none is refused."""

from __future__ import annotations

import functools
import importlib
import io
import sys
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    assert_same_parameters,
    assert_same_run,
    bare,
    binary,
    differs,
    grey_dataset,
    quick,
    vae,
)

from inference import fit, load_run
from inference.errors import ArgumentError, ZooError
from ppl_models.datasets import Dataset, load

STEPS = 6


def same(engine: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    runs = [quick(bare(engine), binary(), steps=STEPS, **arguments) for arguments in (one, other)]
    return not differs(runs[0].parameters, runs[1].parameters)


def adam(engine: str) -> Any:
    if engine == "pyro":
        import torch

        return functools.partial(torch.optim.Adam, fused=True)
    import optax

    return optax.adam


def test_the_default_is_adam_at_a_thousandth(engine):
    assert same(engine, {}, {"learning_rate": 1e-3})
    assert same(engine, {}, {"optimizer": adam(engine)})
    assert same(engine, {}, {"schedule": "constant"})
    assert not same(engine, {}, {"learning_rate": 2e-3})


@pytest.mark.parametrize(
    "option",
    [
        {"schedule": "cosine"},
        {"schedule": lambda step: 0.5**step},
        {"clip_norm": 1e-3, "optimizer": "sgd"},
        {"objective": "iwae:num_particles=2"},
        {"seed": 1},
        {"batch_size": 5},
    ],
    ids=lambda option: next(iter(option)),
)
def test_an_option_has_an_effect(option, engine):
    other = dict(option)
    base: dict[str, Any] = {}
    if other.get("optimizer") == "sgd":
        other["optimizer"] = base["optimizer"] = descent(engine)
    assert not same(engine, base, other)


def descent(engine: str, rate: float | None = None) -> Any:
    if engine == "pyro":
        import torch

        return functools.partial(torch.optim.SGD, lr=rate or 1e-3)
    import optax

    return optax.sgd if rate is None else optax.sgd(rate)


def step_of_sgd(engine: str, **arguments: Any) -> float:
    """The length of one step of gradient descent of rate 1, over all unconstrained parameters."""
    pair = vae(engine)
    before = quick(pair, binary(), steps=1, optimizer=descent(engine), learning_rate=1e-30)
    after = quick(
        pair, binary(), steps=1, optimizer=descent(engine), learning_rate=1.0, **arguments
    )
    return np.sqrt(
        sum(
            ((after.parameters[n].astype(float) - a.astype(float)) ** 2).sum()
            for n, a in before.parameters.items()
        )
    )


def test_clip_norm_is_the_length_of_the_step(engine):
    assert step_of_sgd(engine) > 1
    assert step_of_sgd(engine, clip_norm=0.25) == pytest.approx(0.25, rel=1e-4)


def test_cosine_and_functions_scale_the_step(engine):
    whole = step_of_sgd(engine)
    assert step_of_sgd(engine, schedule=lambda step: 0.5) == pytest.approx(whole / 2, rel=1e-4)
    assert step_of_sgd(engine, schedule=lambda step: 0.0 * step) < 1e-20
    pair = vae(engine)
    # The factor of the last step but one of two is cos(pi / 2) half a period on: one half.
    two = quick(
        pair, binary(), steps=2, optimizer=descent(engine), learning_rate=0.1, schedule="cosine"
    )
    halved = quick(
        pair,
        binary(),
        steps=2,
        optimizer=descent(engine),
        learning_rate=0.1,
        schedule=lambda step: 1 - 0.5 * step,
    )
    for name, array in two.parameters.items():
        assert array == pytest.approx(halved.parameters[name], rel=1e-5, abs=1e-6)


def test_forms_of_the_same_optimiser_agree():
    import torch

    optim: Any = importlib.import_module("pyro.optim")  # it makes its classes as it is imported

    forms = [
        {"optimizer": torch.optim.SGD, "learning_rate": 0.01},
        {"optimizer": functools.partial(torch.optim.SGD, lr=0.01)},
        {"optimizer": functools.partial(torch.optim.SGD, lr=5.0), "learning_rate": 0.01},
        {"optimizer": torch.optim.SGD([torch.zeros(2)], lr=0.01)},
        {"optimizer": torch.optim.SGD([torch.zeros(2)], lr=5.0), "learning_rate": 0.01},
        {"optimizer": optim.SGD({"lr": 0.01})},
        {"optimizer": "sgd:momentum=0", "learning_rate": 0.01},
    ]
    for form in forms[1:]:
        assert same("pyro", forms[0], form)
    assert not same("pyro", forms[0], {"optimizer": functools.partial(torch.optim.SGD, lr=0.02)})


def test_forms_of_the_same_optimiser_agree_on_numpyro():
    import numpyro.optim
    import optax

    forms = [
        {"optimizer": optax.sgd, "learning_rate": 0.01},
        {"optimizer": optax.sgd(0.01)},
        {"optimizer": functools.partial(optax.sgd, momentum=None), "learning_rate": 0.01},
        {"optimizer": numpyro.optim.SGD(0.01)},
        {"optimizer": "sgd:momentum=None", "learning_rate": 0.01},
    ]
    for form in forms[1:]:
        assert same("numpyro", forms[0], form)
    assert not same("numpyro", forms[0], {"optimizer": optax.sgd(0.02)})


def test_torch_schedulers_have_an_effect():
    from torch.optim import lr_scheduler

    halving = functools.partial(lr_scheduler.StepLR, step_size=1, gamma=0.5)
    assert same("pyro", {"schedule": halving}, {"schedule": lambda step: 0.5**step})
    assert not same("pyro", {"schedule": halving}, {})


def refused_on_pyro() -> dict[str, tuple[dict[str, Any], str]]:
    import torch

    optim: Any = importlib.import_module("pyro.optim")  # it makes its classes as it is imported
    from torch.optim import lr_scheduler

    weights = [torch.zeros(1), torch.zeros(1)]
    adam = torch.optim.Adam([torch.zeros(1)])
    groups = [{"params": [weights[0]], "lr": 0.5}, {"params": [weights[1]]}]
    exponential = {"optimizer": torch.optim.SGD, "optim_args": {"lr": 0.01}, "gamma": 0.1}
    return {
        "per parameter": (
            {"optimizer": optim.Adam(lambda name: {"lr": 0.1}), "learning_rate": 0.1},
            "arguments for each parameter; leave it out",
        ),
        "pyro scheduler": (
            {"optimizer": optim.ExponentialLR(exponential)},
            "pass this as schedule=",
        ),
        "groups": ({"optimizer": torch.optim.SGD(groups, lr=0.1)}, "some parameter groups"),
        "bound schedule": (
            {"schedule": lr_scheduler.StepLR(adam, 3)},
            "bound to another optimiser; pass the class",
        ),
        "plateau": ({"schedule": lr_scheduler.ReduceLROnPlateau}, "needs a metric"),
        "LBFGS": ({"optimizer": torch.optim.LBFGS}, "use a first-order one"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "per parameter",
        "pyro scheduler",
        "groups",
        "bound schedule",
        "plateau",
        "LBFGS",
    ],
)
def test_forms_without_effect_are_refused_on_pyro(case):
    arguments, words = refused_on_pyro()[case]
    with pytest.raises(ArgumentError, match=words):
        quick(bare("pyro"), binary(), steps=1, **arguments)


def refused_on_numpyro() -> dict[str, tuple[dict[str, Any], str]]:
    import numpyro.optim
    import optax
    from torch.optim import lr_scheduler

    inside = "cannot reach inside a finished optimiser"
    return {
        "rate": ({"optimizer": optax.adam(0.1), "learning_rate": 0.1}, inside),
        "schedule": ({"optimizer": optax.adam(0.1), "schedule": "cosine"}, inside),
        "rate of numpyro's": ({"optimizer": numpyro.optim.Adam(0.1), "learning_rate": 0.1}, inside),
        "clip": ({"optimizer": numpyro.optim.Adam(0.1), "clip_norm": 1.0}, "clip_norm= cannot be"),
        "torch scheduler": ({"schedule": lr_scheduler.StepLR}, "a function from the step"),
        "no transformation": (
            {"optimizer": lambda rate: rate},
            "must make an optax transformation",
        ),
    }


@pytest.mark.parametrize(
    "case",
    ["rate", "schedule", "rate of numpyro's", "clip", "torch scheduler", "no transformation"],
)
def test_forms_without_effect_are_refused_on_numpyro(case):
    arguments, words = refused_on_numpyro()[case]
    with pytest.raises(ArgumentError, match=words):
        quick(bare("numpyro"), binary(), steps=1, **arguments)


def test_early_stopping_returns_the_best(engine, reports, tmp_path):
    arguments: dict[str, Any] = {"valid": binary(7, seed=5), "learning_rate": 0.3}
    run = quick(vae(engine), binary(), epochs=60, patience=3, out=tmp_path / "run", **arguments)
    assert run.status == "stopped early"
    bounds = run.history["valid_bound"]
    assert bounds.idxmax() == len(bounds) - 4  # three reports without a better one
    best_step = int(run.history["step"][bounds.idxmax()])
    there = quick(vae(engine), binary(), steps=best_step, **arguments)
    assert_same_parameters(run.parameters, there.parameters)
    last = quick(vae(engine), binary(), steps=run.step, **arguments)
    assert differs(run.parameters, last.parameters)
    assert_same_run(run, load_run(tmp_path / "run"))


def test_a_last_part_of_an_epoch_can_be_the_best(engine, reports, tmp_path):
    """A run that ends between reports returns its end if no report was better."""
    arguments: dict[str, Any] = {"valid": binary(7, seed=5), "learning_rate": 1e-3, "steps": 8}
    run = quick(vae(engine), binary(), patience=3, out=tmp_path / "run", **arguments)
    assert list(run.history["step"]) == [6, 8]
    assert run.history["valid_bound"].idxmax() == 1
    assert_same_parameters(run.parameters, quick(vae(engine), binary(), **arguments).parameters)
    assert_same_run(run, load_run(tmp_path / "run"))


def test_seconds_end_a_run(engine):
    run = quick(bare(engine), binary(), seconds=0.3)
    assert run.status == "time"
    assert run.rows[-1]["step"] == run.step > 0
    assert quick(bare(engine), binary(), seconds=10**6, steps=2).status == "finished"


@pytest.mark.parametrize("batches", [1, 2, 9, 10])
def test_epochs_of_a_list_of_batches_are_exact(batches, engine):
    data = [binary(4, seed=s) for s in range(batches)]
    run = quick(bare(engine), data, epochs=2)
    assert (run.step, run.status) == (2 * batches, "finished")
    assert [(row["step"], row["epoch"]) for row in run.rows] == [(batches, 1.0), (2 * batches, 2.0)]


def test_the_rest_of_an_epoch_is_left_out_and_counted(engine, reports):
    run = quick(bare(engine), binary(23), epochs=2)
    assert run.step == 2 * (23 // 4)
    assert list(run.history["epoch"]) == [1.0, 2.0]
    assert quick(bare(engine), binary(), epochs=1, batch_size=1000).step == 1


def test_dynamic_binarisation_draws_afresh(engine):
    data = grey_dataset()
    once = quick(vae(engine), (data.train > 0.5).astype(np.float32), steps=STEPS)
    assert differs(quick(vae(engine), data, steps=STEPS).parameters, once.parameters)


def test_each_step_binarises_with_noise_of_its_own(engine):
    """A mean that plain gradient steps of length 1 put on the row that they see, all grey 0.5.

    So the mean after t steps is the t-th draw, of 400 fair pixels. Two draws differ in half of
    them: a deviation of 5 has the probability 6e-7.
    """
    library: Any = importlib.import_module(engine)
    zeros: Any = importlib.import_module({"pyro": "torch", "numpyro": "jax.numpy"}[engine]).zeros

    def model(x: Any) -> None:
        mean = library.param("mean", zeros(400))
        with library.plate("data", len(x)):
            library.sample("x", library.distributions.Normal(mean, 1.0).to_event(1), obs=x)

    grey = np.full((1, 400), 0.5, np.float32)
    data = Dataset(
        name="grey", train=grey, valid=grey.round(), test=grey.round(), image_shape=(20, 20),
        binarisation="dynamic", seed=0,
    )  # fmt: skip
    optimiser = {"pyro": "SGD", "numpyro": "sgd"}[engine]
    drawn = [
        quick((model, lambda x: None), data, batch_size=1, steps=steps, optimizer=optimiser,
              learning_rate=1.0).parameters["mean"].round(4)
        for steps in (1, 2)
    ]  # fmt: skip
    assert set(np.unique(drawn)) == {0, 1}
    assert abs((drawn[0] != drawn[1]).mean() - 0.5) < 5 * 0.5 / 400**0.5


class Terminal(io.StringIO):
    def isatty(self):
        return False


@pytest.mark.parametrize("show", [True, "auto", False])
def test_progress_in_plain_lines(show, engine, reports, monkeypatch):
    monkeypatch.setattr("inference.training.progress._SECONDS_BETWEEN_LINES", -1.0)
    stderr, stdout = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "stdout", stdout)
    quick(bare(engine), binary(), steps=12, valid=binary(3), progress=show)
    assert stdout.getvalue() == ""
    lines = stderr.getvalue().splitlines()
    if show is False:
        assert lines == []
        return
    assert [line.split(":")[0] for line in lines] == [f"step {s}/12" for s in (4, 6, 10, 12)]
    assert all("loss" in line and "\r" not in line for line in lines)
    assert "valid bound" in lines[-1]


UPSTREAM = {
    "pyro": {
        "Trace_ELBO": {"num_particles": 2},
        "TraceMeanField_ELBO": {},
        "TraceGraph_ELBO": {},
        "TraceEnum_ELBO": {"max_plate_nesting": 1},
        "RenyiELBO": {"alpha": 0.5, "num_particles": 2},
        "ReweightedWakeSleep": {"num_particles": 2},
    },
    "numpyro": {
        "Trace_ELBO": {"num_particles": 2},
        "TraceMeanField_ELBO": {},
        "TraceGraph_ELBO": {},
        "RenyiELBO": {"alpha": 0.5, "num_particles": 2},
    },
}


@pytest.mark.filterwarnings("ignore:.*enumerate.*:UserWarning")
@pytest.mark.parametrize(
    ("engine", "name"), [(engine, name) for engine, names in UPSTREAM.items() for name in names]
)
def test_upstream_losses_train(engine: str, name: str) -> None:
    library = importlib.import_module(f"{engine}.infer")
    loss = getattr(library, name)(**UPSTREAM[engine][name])
    pair = vae(engine, data_dim=64)
    run = fit(pair, load("digits"), objective=loss, steps=300, learning_rate=0.01, progress=False)
    assert run.spec["objective"].startswith(f"{engine}.infer")
    assert name in run.spec["objective"]
    losses, bounds = run.history["loss"], run.history["valid_bound"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert bounds.iloc[-1] > bounds.iloc[0]


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_refused_call_leaves_no_folder(engine: str, tmp_path) -> None:
    """Else the corrected call would find a run there that never began."""
    out = tmp_path / "run"
    for wrong in ({"schedule": "foo"}, {"device": "abacus"}, {"objective": "ciwae"}):
        with pytest.raises(ZooError):
            quick(vae(engine), binary(), steps=1, out=out, **wrong)
    assert not out.exists()
    assert quick(vae(engine), binary(), steps=1, out=out).step == 1
