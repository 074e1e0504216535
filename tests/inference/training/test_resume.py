"""A run that was stopped and resumed is, bit for bit, the run that was never stopped."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    assert_same_parameters,
    assert_same_rows,
    assert_same_run,
    bare,
    binary,
    grey_dataset,
    quick,
    vae,
)

from inference import load_run
from inference.errors import RunFolderError

STEPS = 18


def optimiser(engine: str, kind: str) -> Any:
    if engine == "pyro":
        import pyro.optim
        import torch

        return {
            "chain": functools.partial(torch.optim.RMSprop, lr=1e-2, momentum=0.5),
            "momentum": torch.optim.SGD([torch.zeros(1)], lr=1e-3, momentum=0.9),
            "own": pyro.optim.ClippedAdam({"lr": 1e-2, "clip_norm": 0.5, "lrd": 0.99}),
        }[kind]
    import numpyro.optim
    import optax

    return {
        "chain": optax.chain(optax.clip(0.5), optax.rmsprop(1e-2, momentum=0.5)),
        "momentum": functools.partial(optax.sgd, momentum=0.9),
        "own": numpyro.optim.ClippedAdam(1e-2, clip_norm=0.5),
    }[kind]


def upstream(engine: str) -> Any:
    if engine == "pyro":
        import pyro.infer

        return pyro.infer.Trace_ELBO()
    import numpyro.infer

    return numpyro.infer.Trace_ELBO()


CASES = {
    "dynamic": lambda engine: (grey_dataset(), {}),
    "cosine": lambda engine: (binary(), {"schedule": "cosine", "learning_rate": 0.1}),
    "function schedule": lambda engine: (binary(), {"schedule": lambda step: 0.9**step}),
    "iwae": lambda engine: (binary(), {"objective": "iwae:num_particles=3"}),
    "upstream loss": lambda engine: (binary(), {"objective": upstream(engine)}),
    "chain": lambda engine: (binary(), {"optimizer": optimiser(engine, "chain")}),
    "momentum": lambda engine: (binary(), {"optimizer": optimiser(engine, "momentum")}),
    "own": lambda engine: (binary(), {"optimizer": optimiser(engine, "own")}),
    "clip": lambda engine: (binary(), {"clip_norm": 1.0, "valid": binary(7, seed=5)}),
    "list": lambda engine: ([binary(4, seed=s) for s in range(7)], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_after_ctrl_c(case, engine, tmp_path, reports, ctrl_c, monkeypatch):
    def arguments() -> tuple[Any, dict[str, Any]]:
        data, keywords = CASES[case](engine)
        return data, {"steps": STEPS, "checkpoint_seconds": 0.0} | keywords

    data, keywords = arguments()
    whole = quick(vae(engine), data, **keywords)
    assert (whole.step, whole.status) == (STEPS, "finished")
    with monkeypatch.context():
        ctrl_c(8)
        part = quick(vae(engine), data, out=tmp_path / "run", **keywords)
    assert part.status == "interrupted"
    assert 8 <= part.step < 12
    monkeypatch.undo()
    # Fresh objects with the same settings are the same run; chunks may be other ones.
    data, keywords = arguments()
    resumed = quick(vae(engine), data, out=tmp_path / "run", resume=True, **keywords)
    assert_same_parameters(whole.parameters, resumed.parameters)
    assert (resumed.status, resumed.step) == ("finished", STEPS)


@pytest.mark.parametrize("data", [binary(), [binary(4, seed=s) for s in range(7)]], ids=type)
def test_history_does_not_tell_where_a_run_was_stopped(data, engine, tmp_path, reports, ctrl_c):
    valid = binary(7, seed=5)
    whole = quick(vae(engine), data, valid=valid, steps=STEPS)
    ctrl_c(8)
    quick(vae(engine), data, valid=valid, steps=STEPS, out=tmp_path / "run")
    stopped = load_run(tmp_path / "run")
    assert stopped.rows[-1]["step"] == stopped.step  # the closing row, between two reports
    resumed = quick(vae(engine), data, valid=valid, steps=STEPS, out=tmp_path / "run", resume=True)
    assert_same_run(whole, resumed)
    assert_same_run(resumed, load_run(tmp_path / "run"))
    assert len(resumed.rows) == len({row["step"] for row in resumed.rows}) >= 3


def test_after_a_smaller_budget_of_steps_and_of_epochs(engine, tmp_path, reports):
    whole = quick(vae(engine), binary(), steps=STEPS)
    quick(vae(engine), binary(), steps=7, out=tmp_path / "run", resume=True)
    quick(vae(engine), binary(), epochs=2, out=tmp_path / "run", resume=True)
    resumed = quick(vae(engine), binary(), epochs=3, out=tmp_path / "run", resume=True)
    assert_same_run(whole, resumed)


def test_after_a_budget_of_seconds(engine, tmp_path, reports, monkeypatch):
    ticks = iter(range(10**6))
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    whole = quick(vae(engine), binary(), steps=STEPS, schedule="cosine")
    with monkeypatch.context() as patch:
        patch.setattr("inference.training.loop.time", clock)
        part = quick(
            vae(engine),
            binary(),
            steps=STEPS,
            schedule="cosine",
            seconds=14,
            out=tmp_path / "run",
        )
    assert part.status == "time"
    assert 0 < part.step < STEPS
    resumed = quick(
        vae(engine), binary(), steps=STEPS, schedule="cosine", out=tmp_path / "run", resume=True
    )
    assert_same_run(whole, resumed)


def test_early_stopping_counts_on(engine, tmp_path, reports, ctrl_c):
    # A large step makes the bound rise and fall, so that the best is not the last.
    keywords: dict[str, Any] = {
        "valid": binary(7, seed=5),
        "patience": 3,
        "learning_rate": 0.3,
        "epochs": 60,
    }
    whole = quick(vae(engine), binary(), **keywords)
    assert whole.status == "stopped early"
    ctrl_c(whole.step - 9)  # one report into the wait
    part = quick(vae(engine), binary(), out=tmp_path / "run", **keywords)
    assert part.status == "interrupted"
    resumed = quick(vae(engine), binary(), out=tmp_path / "run", resume=True, **keywords)
    assert_same_run(whole, resumed)
    again = quick(vae(engine), binary(), out=tmp_path / "run", resume=True, **keywords)
    assert_same_run(whole, again)
    assert_same_run(whole, load_run(tmp_path / "run"))


def test_a_finished_run_is_resumed_to_itself(engine, tmp_path, reports):
    whole = quick(vae(engine), binary(), steps=8, out=tmp_path / "run", checkpoint_seconds=0.0)
    again = quick(vae(engine), binary(), steps=8, out=tmp_path / "run", resume=True)
    assert_same_run(whole, again)
    assert_same_run(whole, load_run(tmp_path / "run"))


def test_bare_functions(engine, tmp_path, reports, ctrl_c):
    x = binary()
    whole = quick(bare(engine), x, steps=STEPS)
    ctrl_c(8)
    quick(bare(engine), x, steps=STEPS, out=tmp_path / "run")
    resumed = quick(bare(engine), x, steps=STEPS, out=tmp_path / "run", resume=True)
    assert_same_run(whole, resumed)


def test_resume_of_nothing_begins(engine, tmp_path):
    whole = quick(vae(engine), binary(), steps=3)
    begun = quick(vae(engine), binary(), steps=3, out=tmp_path / "new", resume=True)
    assert_same_run(whole, begun)


def test_an_iterator_goes_on_where_it_was_left(engine, tmp_path, reports, ctrl_c):
    batches = [binary(4, seed=s) for s in range(12)]
    whole = quick(vae(engine), iter(batches), epochs=1)
    assert (whole.step, whole.status) == (12, "finished")
    ctrl_c(8)
    quick(vae(engine), iter(batches), epochs=1, out=tmp_path / "run")
    resumed = quick(vae(engine), iter(batches), epochs=1, out=tmp_path / "run", resume=True)
    assert_same_run(whole, resumed)


def test_history_does_not_depend_on_the_pace(engine, monkeypatch):
    runs = []
    for chunk in (1, 5, 64):
        monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self, n=chunk: n)
        runs.append(quick(vae(engine), binary(), steps=40))
    assert_same_run(runs[0], runs[1])
    assert_same_run(runs[0], runs[2])


@pytest.mark.parametrize("scheduler", ["MultiStepLR", "SequentialLR", "OneCycleLR"])
def test_torch_schedulers(scheduler, tmp_path, reports, ctrl_c):
    from torch.optim import lr_scheduler

    class Sequential(lr_scheduler.SequentialLR):
        def __init__(self, optimizer):
            parts = [
                lr_scheduler.MultiStepLR(optimizer, [4, 11], gamma=0.1),
                lr_scheduler.ExponentialLR(optimizer, 0.5),
            ]
            super().__init__(optimizer, parts, milestones=[13])

    schedule = {
        "MultiStepLR": functools.partial(lr_scheduler.MultiStepLR, milestones=[4, 11], gamma=0.1),
        "SequentialLR": Sequential,
        "OneCycleLR": functools.partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=STEPS + 1),
    }[scheduler]
    keywords: dict[str, Any] = {"steps": STEPS, "schedule": schedule, "learning_rate": 0.1}
    whole = quick(vae("pyro"), binary(), **keywords)
    ctrl_c(8)
    quick(vae("pyro"), binary(), out=tmp_path / "run", **keywords)
    resumed = quick(vae("pyro"), binary(), out=tmp_path / "run", resume=True, **keywords)
    assert_same_run(whole, resumed)


def test_batch_normalisation_and_dropout(tmp_path, reports, ctrl_c):
    import pyro
    import pyro.distributions as dist
    import torch

    class Normed(torch.nn.Module):
        engine = "pyro"

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.net = torch.nn.Sequential(
                torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.3)
            )
            self.out = torch.nn.Linear(2, 6)

        def model(self, x):
            pyro.module("out", self.out)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
                pyro.sample("x", dist.Bernoulli(logits=self.out(z)).to_event(1), obs=x)

        def guide(self, x):
            pyro.module("net", self.net)
            mean, log_scale = self.net(x).chunk(2, dim=-1)
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    keywords: dict[str, Any] = {"steps": STEPS, "valid": binary(7, seed=5)}
    with torch.random.fork_rng():
        whole = quick(Normed(), binary(), **keywords)
        ctrl_c(8)
        quick(Normed(), binary(), out=tmp_path / "run", **keywords)
        resumed = quick(Normed(), binary(), out=tmp_path / "run", resume=True, **keywords)
    assert_same_run(whole, resumed)
    one, other = whole.pair.wrapped.net[1], resumed.pair.wrapped.net[1]
    assert torch.equal(one.running_mean, other.running_mean)
    assert int(one.num_batches_tracked) == int(other.num_batches_tracked) > 0


def test_a_cosine_cannot_be_stretched(engine, tmp_path):
    quick(vae(engine), binary(), steps=4, schedule="cosine", out=tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"budget\.steps was 4 and is now 8"):
        quick(vae(engine), binary(), steps=8, schedule="cosine", out=tmp_path / "run", resume=True)


def test_numpy_numbers_are_numbers(engine, tmp_path):
    plain = quick(vae(engine), binary(), steps=5, seed=3, learning_rate=0.5)
    numpy = quick(
        vae(engine),
        binary(),
        steps=np.int64(5),
        seed=np.int32(3),
        learning_rate=np.float32(0.5),
        batch_size=np.int16(4),
        out=tmp_path / "run",
    )
    assert_same_rows(plain.rows, numpy.rows)
    assert_same_parameters(plain.parameters, numpy.parameters)
