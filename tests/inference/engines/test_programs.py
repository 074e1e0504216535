"""How a program reduces sites to log weights per datum: nested plates, scales, masks, fallbacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import optax
import pyro
import pyro.distributions as pdist
import pytest
import torch
from jax import random
from numpyro.handlers import mask as numpyro_mask
from numpyro.handlers import scale as numpyro_scale
from pyro import poutine
from rows import ENGINES

from inference import ELBO, IWAE
from inference.errors import ObjectiveError
from inference.objectives import Objective

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


class Words:
    """Statements that read the same in both libraries."""

    def __init__(self, engine: str) -> None:
        pyros = engine == "pyro"
        self.sample: Any = pyro.sample if pyros else numpyro.sample
        self.plate: Any = pyro.plate if pyros else numpyro.plate
        self.dist: Any = pdist if pyros else ndist
        self.array: Any = torch.tensor if pyros else jnp.asarray
        self.scale: Any = poutine.scale if pyros else numpyro_scale
        self.mask: Any = poutine.mask if pyros else numpyro_mask


def loss(engine: str, model: Any, guide: Any, objective: Objective, x: np.ndarray = X) -> float:
    if engine == "pyro":
        pyro.set_rng_seed(0)
        with pyro.get_param_store().scope():
            return float(objective(model, guide, torch.tensor(x)).detach())
    svi = numpyro.infer.SVI(model, guide, optax.sgd(0.1), objective)
    return float(svi.evaluate(svi.init(random.PRNGKey(0), x), x))


def programs(engine: str, variant: str) -> tuple[Any, Any]:
    """z_n ~ Normal(0, 1), x_nd ~ Normal(z_n, 1), written in several ways."""
    w = Words(engine)
    zero, one = w.array(np.float32(0)), w.array(np.float32(1))

    def model(x: Any) -> None:
        if variant == "pixels in a plate":
            with w.plate("data", len(x), dim=-2):
                z = w.sample("z", w.dist.Normal(zero, one))
                with w.plate("pixels", 3, dim=-1):
                    w.sample("x", w.dist.Normal(z, one), obs=x)
            return
        with w.plate("data", len(x)):
            z = w.sample("z", w.dist.Normal(zero, one))
            likelihood = w.dist.Normal(z[..., None] * w.array(np.ones(3, np.float32)), one)
            if variant == "scaled":
                with w.scale(scale=2.0):
                    w.sample("x", likelihood.to_event(1), obs=x)
            elif variant == "twice":
                w.sample("x", likelihood.to_event(1), obs=x)
                w.sample("again", likelihood.to_event(1), obs=x)
            elif variant == "masked":
                with w.mask(mask=w.array(np.arange(5) < 2)):
                    w.sample("x", likelihood.to_event(1), obs=x)
            elif variant == "masked rows" and len(x) == 5:
                kept = likelihood.mask(w.array(np.arange(5) < 2)[:, None])
                w.sample("x", kept.to_event(1), obs=x)
            else:
                w.sample("x", likelihood.to_event(1), obs=x)

    def guide(x: Any) -> None:
        if variant == "pixels in a plate":
            with w.plate("data", len(x), dim=-2):
                w.sample("z", w.dist.Normal(zero, one))
            return
        with w.plate("data", len(x)):
            w.sample("z", w.dist.Normal(zero, one))

    return model, guide


@pytest.mark.parametrize("objective", [ELBO(), IWAE(1), IWAE(4)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_private_plate_is_summed_within_the_datum(engine: str, objective: Objective) -> None:
    plain = loss(engine, *programs(engine, "events"), objective)
    nested = loss(engine, *programs(engine, "pixels in a plate"), objective)
    np.testing.assert_allclose(nested, plain, rtol=1e-6)


@pytest.mark.parametrize("objective", [ELBO(), IWAE(4)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_scale_of_the_programs_own_stays_inside_the_weight(
    engine: str, objective: Objective
) -> None:
    """Scaling a site by two is observing it twice; only the data's plate goes outside the log."""
    scaled = loss(engine, *programs(engine, "scaled"), objective)
    twice = loss(engine, *programs(engine, "twice"), objective)
    np.testing.assert_allclose(scaled, twice, rtol=1e-6)


@pytest.mark.parametrize("objective", [ELBO(), IWAE(4)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_mask_drops_what_it_masks(engine: str, objective: Objective) -> None:
    masked = loss(engine, *programs(engine, "masked"), objective)
    rows = loss(engine, *programs(engine, "masked rows"), objective)
    np.testing.assert_allclose(masked, rows, rtol=1e-6)
    assert masked < loss(engine, *programs(engine, "events"), objective)


def test_pyro_pairs_that_cannot_broadcast_draw_their_particles_one_by_one() -> None:
    """Three particles of one datum are the log-mean-exp of three runs under one seed."""

    def model(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pdist.Normal(torch.zeros(3), 1.0).to_event(1))
            flat = z.reshape(len(x), 3)  # fails under an outer plate
            pyro.sample("x", pdist.Normal(flat, 1.0).to_event(1), obs=x)

    def guide(x: torch.Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", pdist.Normal(0.4 * x, 0.8).to_event(1))

    pair = SimpleNamespace(model=model, guide=guide)
    together = loss("pyro", pair.model, pair.guide, IWAE(3), X[:1])
    single = IWAE(1)
    pyro.set_rng_seed(0)
    log_w = [-float(single(model, guide, torch.tensor(X[:1])).detach()) for _ in range(3)]
    np.testing.assert_allclose(-together, np.logaddexp.reduce(log_w) - np.log(3), rtol=1e-6)
    assert np.isfinite(loss("pyro", pair.model, pair.guide, ELBO(3)))


@pytest.mark.parametrize("engine", ENGINES)
def test_subsampling_within_a_datum_is_refused_under_a_logarithm(engine: str) -> None:
    w = Words(engine)
    zero, one = w.array(np.float32(0)), w.array(np.float32(1))

    def model(x: Any) -> None:
        with w.plate("data", len(x), dim=-2):
            z = w.sample("z", w.dist.Normal(zero, one))
            with w.plate("pixels", 3, subsample_size=2, dim=-1) as pixels:
                w.sample("x", w.dist.Normal(z, one), obs=x[:, pixels])

    def guide(x: Any) -> None:
        with w.plate("data", len(x), dim=-2):
            w.sample("z", w.dist.Normal(zero, one))

    assert np.isfinite(loss(engine, model, guide, ELBO()))
    with pytest.raises(ObjectiveError, match=r"'pixels' around site 'x' subsamples within a datum"):
        loss(engine, model, guide, IWAE(2))
