"""Batches that shuffle themselves: a resumed run is the run that never stopped, or says not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import assert_same_parameters, assert_same_rows, binary, quick, vae
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset

from inference.errors import DataError
from inference.program.random_streams import keeps_hidden_state

X = binary()
TENSORS = TensorDataset(torch.tensor(X))


class Noisy(Dataset):
    """Draws from global random numbers for each row."""

    def __len__(self):
        return len(X)

    def __getitem__(self, row):
        flips = torch.rand(6) < 0.1 * (1 + np.random.random()) * (1 + random.random())
        return torch.tensor(X[row]) * ~flips


class Drawn:
    """Goes through the rows in an order of its own."""

    def __init__(self, rng, order):
        self.rng, self.order = rng, order

    def __iter__(self):
        rows = np.asarray(self.order(self.rng))
        yield from (X[part] for part in np.array_split(rows, 5))


class Counted:
    """Orders the rows by the number of the epoch."""

    def __init__(self):
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        rows = np.random.default_rng(self.passes).permutation(len(X))
        yield from (X[part] for part in np.array_split(rows, 5))


def shuffled(order):
    rows = list(range(len(X)))
    order.shuffle(rows)
    return rows


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


SHUFFLING = {
    "global torch": lambda: DataLoader(TENSORS, 5, shuffle=True),
    "generator": lambda: DataLoader(TENSORS, 5, shuffle=True, generator=seeded()),
    "sampler": lambda: DataLoader(TENSORS, 5, sampler=RandomSampler(TENSORS, generator=seeded())),
    "replacement": lambda: DataLoader(
        TENSORS, 5, sampler=RandomSampler(TENSORS, replacement=True, num_samples=23)
    ),
    "draws in rows": lambda: DataLoader(Noisy(), 5, shuffle=True),
    "numpy's generator": lambda: Drawn(
        np.random.default_rng(1), lambda rng: rng.permutation(len(X))
    ),
    "numpy's old generator": lambda: Drawn(
        np.random.RandomState(1), lambda rng: rng.permutation(len(X))
    ),
    "global numpy": lambda: Drawn(None, lambda _: np.random.permutation(len(X))),
    "Python's generator": lambda: Drawn(random.Random(1), shuffled),
    "global Python": lambda: Drawn(random, shuffled),
    "count of epochs": Counted,
}


RUNS = [
    *(("pyro", kind, stop) for kind in SHUFFLING for stop in (7, 10)),  # between epochs: 10
    *(("numpyro", kind, 7) for kind in ("global torch", "numpy's generator")),
]


@pytest.mark.parametrize(("engine", "kind", "stop"), RUNS)
def test_a_resumed_run_is_the_run_that_never_stopped(kind, stop, engine, tmp_path, monkeypatch):
    monkeypatch.setattr("inference.training.loop._Pace.chunk", lambda self: 3)
    whole = quick(vae(engine), SHUFFLING[kind](), steps=18)
    part = quick(vae(engine), SHUFFLING[kind](), steps=stop, out=tmp_path / "run")
    assert part.step == stop
    for disturb in (random.random, np.random.random, lambda: torch.rand(3)):
        disturb()
    resumed = quick(vae(engine), SHUFFLING[kind](), steps=18, out=tmp_path / "run", resume=True)
    assert_same_parameters(whole.parameters, resumed.parameters)
    assert_same_rows(whole.rows, resumed.rows)


def test_orders_differ_between_epochs_and_between_seeds(engine):
    seen: list[bytes] = []

    class Watched(DataLoader):
        def __iter__(self) -> Any:
            for (batch,) in super().__iter__():
                seen.append(batch.numpy().tobytes())
                yield batch

    runs = {}
    for seed in (0, 0, 1):
        del seen[:]
        quick(vae(engine), Watched(TENSORS, 24, shuffle=True), epochs=3, seed=seed)
        assert len(set(seen[-3:])) == 3
        assert seen[-3:] == runs.setdefault(seed, seen[-3:])
    assert runs[0] != runs[1]


def test_nothing_of_the_callers_random_numbers_is_used_up(engine):
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(0)
    right = torch.rand(1), np.random.random(), random.random()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(0)
    quick(vae(engine), DataLoader(Noisy(), 8, shuffle=True), steps=2)
    assert right == (torch.rand(1), np.random.random(), random.random())


class Unknown:
    """Its order comes from nowhere that can be written down."""

    drawn = iter(range(1000))

    def __iter__(self):
        rows = np.random.default_rng(next(Unknown.drawn)).permutation(len(X))
        yield from (X[part] for part in np.array_split(rows, 5))


def test_what_cannot_be_resumed_is_said_and_not_done(engine, tmp_path):
    quick(vae(engine), Unknown(), steps=2)  # nobody asked for it
    with pytest.warns(UserWarning, match="Unknown of batches cannot be resumed bit for bit: gone"):
        quick(vae(engine), Unknown(), steps=7, out=tmp_path / "run")
    with (
        pytest.warns(UserWarning, match="cannot be resumed"),
        pytest.raises(DataError, match=r"first 2 batches .* are not those that the run began"),
    ):
        quick(vae(engine), Unknown(), steps=9, out=tmp_path / "run", resume=True)


def test_lasting_workers_that_draw_have_hidden_state():
    lasting: dict[str, Any] = {"num_workers": 1, "persistent_workers": True}
    assert keeps_hidden_state(DataLoader(Noisy(), 12, **lasting))
    assert not keeps_hidden_state(DataLoader(TENSORS, 12, **lasting))
    assert not keeps_hidden_state(DataLoader(Noisy(), 12, num_workers=1))


def test_another_order_of_the_same_batches_is_refused(engine, tmp_path):
    quick(vae(engine), iter([X[:8], X[8:16], X[16:]]), steps=2, out=tmp_path / "run")
    with pytest.raises(DataError, match="first 2 batches of the iterable are not those"):
        quick(
            vae(engine), iter([X[8:16], X[:8], X[16:]]), steps=3, out=tmp_path / "run", resume=True
        )
