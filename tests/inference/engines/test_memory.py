"""What the Pyro engine keeps between steps is not on the user's objective, and goes with it."""

from __future__ import annotations

import copy
import gc
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import pytest
import torch

from inference.engines.pyro import memory
from inference.objectives import ELBO, NVIL, Objective
from ppl_models import create

X = (np.random.default_rng(0).random((6, 8)) < 0.5).astype(np.float32)


def used(objective: Objective) -> Any:
    """The objective, after a step."""
    pair = create("sigmoid_belief", engine="pyro", data_dim=8, latent_dims=(3,), seed=0)
    with pyro.get_param_store().scope():
        objective(pair.model, pair.guide, torch.tensor(X)).backward()
    return objective


@pytest.mark.parametrize("objective", [ELBO(), NVIL()], ids=repr)
def test_a_step_leaves_nothing_on_the_objective(objective: Objective) -> None:
    before = dict(vars(objective))
    assert vars(used(objective)) == before
    assert len(memory.memory_of(objective).looks) == 1
    assert len(memory.memory_of(objective).owners) == int(objective.owns)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))]
)
def test_a_copy_begins_anew(again: Any) -> None:
    twin = again(used(NVIL()))
    assert memory.memory_of(twin) == memory.Memory()


def test_it_goes_with_the_objective() -> None:
    objective = used(ELBO())
    key = id(objective)
    assert key in memory._memories
    del objective
    gc.collect()
    assert key not in memory._memories


def test_phases_own_the_same_and_look_for_themselves() -> None:
    objective = NVIL()
    turns = [copy.copy(objective), copy.copy(objective)]
    memory.share(objective, turns)
    first, second = map(memory.memory_of, turns)
    assert first.owners is second.owners is memory.memory_of(objective).owners
    assert first.looks is not second.looks


def test_an_objective_may_be_equal_to_others() -> None:
    """As a data class is, which has no hash."""

    @dataclass
    class Own(ELBO):
        weight: float = 1.0

    one, other = Own(), Own()
    assert one == other
    assert memory.memory_of(one) is not memory.memory_of(other)
