"""Particles ride on a dimension of their own only where that gives each its own densities.

The truth is the pair itself, run on one draw at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from rows import ROWS
from torch import Tensor, nn

from inference import ELBO, IWAE, check_pair, fit, log_likelihood
from inference.engines.pyro import particles
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.particles import obstacle
from inference.engines.pyro.svi import program
from ppl_models import create

ROWS_OF_DATA, LATENT = 4, 4
X = np.random.default_rng(0).normal(size=(ROWS_OF_DATA, 3)).astype(np.float32)
WEIGHT = torch.tensor(np.random.default_rng(1).normal(size=(LATENT, 3)).astype(np.float32))
NORMALISED = nn.BatchNorm1d(LATENT, affine=False)
NORMALISED.running_mean = torch.tensor([0.5, -1.0, 2.0, 0.0])  # pyright: ignore[reportAttributeAccessIssue]
DROPPED = nn.Dropout(0.5)

Decoder = Callable[[Tensor, Tensor], Tensor]
WRONG: dict[str, Decoder] = {
    "softmax(dim=1)": lambda z, x: z.softmax(dim=1) @ WEIGHT,
    "z[:, 0]": lambda z, x: z[:, 0][..., None] + WEIGHT[0],
    "z[:, :1]": lambda z, x: z[:, :1] * WEIGHT[0],
    "stack": lambda z, x: torch.stack([z[..., 0], z[..., 1], z[..., 2]], 1),
    "cat": lambda z, x: torch.cat([z, z], 1)[..., :LATENT] @ WEIGHT,
    "squeeze": lambda z, x: (z[..., :1, None] * WEIGHT[:1]).squeeze(1).squeeze(1),
    "mean(0)": lambda z, x: (z - z.mean(0)) @ WEIGHT,
    "mean(1)": lambda z, x: (z - z.mean(1, keepdim=True)) @ WEIGHT,
    "einsum": lambda z, x: torch.einsum("nl,ld->nd", z, WEIGHT),
    "view": lambda z, x: z.reshape(len(x), -1)[:, :LATENT] @ WEIGHT,
    "transposed": lambda z, x: (WEIGHT.T @ z.transpose(0, 1)).transpose(0, 1),
    "cumsum": lambda z, x: z.cumsum(1) @ WEIGHT,
    "norm": lambda z, x: nn.functional.normalize(z) @ WEIGHT,
    "batch-norm": lambda z, x: NORMALISED(z) @ WEIGHT,
    "dropout": lambda z, x: DROPPED(z) @ WEIGHT,
    "hidden until it is trained": lambda z, x: (
        pyro.param("c", torch.zeros(3)) * ((z - z.mean(1, keepdim=True)) @ WEIGHT)
    ),
}
RIGHT: dict[str, Decoder] = {
    "linear": lambda z, x: z @ WEIGHT,
    "softmax(-1)": lambda z, x: z.softmax(-1) @ WEIGHT,
    "ellipsis": lambda z, x: torch.stack([z[..., 0], z[..., 1], z[..., 2]], -1),
    "constant": lambda z, x: WEIGHT[0],
    "beside the data": lambda z, x: z @ WEIGHT + x.mean(0),
}


def pair(decoder: Decoder) -> tuple[Any, Any]:
    def model(x: Tensor) -> None:
        scale = pyro.param("scale", torch.tensor(1.5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z, x), scale).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        loc = pyro.param("loc", torch.zeros(LATENT))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc + x.sum(-1, keepdim=True), 0.5).to_event(1))

    return model, guide


def found(both: tuple[Any, Any]) -> Any:
    x = torch.tensor(X)
    with pyro.get_param_store().scope():
        return obstacle(*both, (x,), {}, inspect(*both, (x,), {}))


@pytest.mark.parametrize("name", WRONG)
def test_a_program_that_mixes_particles_runs_them_one_by_one(name: str) -> None:
    DROPPED.train(name == "dropout")
    NORMALISED.eval()
    both, x = pair(WRONG[name]), torch.tensor(X)
    assert found(both) is not None
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        torch.manual_seed(0)
        objective = IWAE(4)  # as many as there are rows
        drawn = program(objective, *both, (x,), {}).draw(4)
        z, ours = drawn.values["z"], drawn.log_p_sites["x"]
        if name == "dropout":
            return
        each = [dist.Normal(WRONG[name](one, x), 1.5).to_event(1).log_prob(x) for one in z.unbind()]
    np.testing.assert_allclose(ours.detach(), torch.stack(each).detach(), rtol=1e-4)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_runs_all_at_once(name: str) -> None:
    assert found(pair(RIGHT[name])) is None


def test_the_line_is_named_in_the_log_and_by_the_checker(caplog: Any) -> None:
    both = pair(WRONG["mean(1)"])
    with caplog.at_level(logging.WARNING, "inference"), pyro.get_param_store().scope():
        for _ in range(2):
            log_likelihood(both, X, num_particles=3)
    said = [r.message for r in caplog.records if "test_particles.py:" in r.message]
    assert len(said) == 1
    assert "one by one" in said[0]
    with pyro.get_param_store().scope():
        report = check_pair(both, X, checks=["particles-at-once"])
        (finding,) = [f for f in report.findings if f.check == "particles-at-once"]
        assert finding.level == "note"
        assert finding.site == "x"
        assert finding.line.startswith("test_particles.py:")
        report = check_pair(pair(RIGHT["linear"]), X, checks=["particles-at-once"])
        assert not report.notes


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_said_of_the_particles_of_an_objective_that_has_one(
    count: int, caplog: Any
) -> None:
    particles._say.cache_clear()
    settings: dict[str, Any] = {"steps": 1, "batch_size": 4, "progress": False}
    with caplog.at_level(logging.WARNING, "inference"), pyro.get_param_store().scope():
        fit(pair(WRONG["mean(1)"]), X, objective=ELBO(count), **settings)
    assert sum("one by one" in r.message for r in caplog.records) == count - 1


def test_averages_of_normalisation_are_compared_too() -> None:
    """Its output is left out of the density, so that they alone differ."""
    layer = nn.BatchNorm1d(ROWS_OF_DATA)
    assert found(pair(lambda z, x: z @ WEIGHT + 0 * layer(z).sum())) is not None
    layer = nn.BatchNorm1d(3)
    assert found(pair(lambda z, x: z @ WEIGHT + 0 * layer(x).sum())) is None


@pytest.mark.parametrize("name", [n for n in sorted(ROWS) if "pyro" in ROWS[n].engines])
def test_pairs_of_the_zoo_run_all_at_once(name: str) -> None:
    """But in training mode those that normalise draws by the others of their batch."""
    row = ROWS[name]
    batch = tuple(torch.tensor(array) for array in row.batch(5))
    with pyro.get_param_store().scope():
        both: Any = create(row.model, engine="pyro", **row.hyperparameters)
        for training in (False, True):
            both.train(training)
            structure = inspect(both.model, both.guide, batch, {})
            why = obstacle(both.model, both.guide, batch, {}, structure)
            assert why is None or (training and row.mixes), why
