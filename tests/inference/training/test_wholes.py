"""A latent of all data is weighed against all of them, not against a minibatch."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import pyro
import pytest
import torch
from numpyro import distributions as numpyro_dist
from numpyro.infer import Trace_ELBO as NumPyroELBO
from pyro import distributions as pyro_dist
from pyro.infer import Trace_ELBO as PyroELBO

from inference import fit
from inference.errors import PairError

N, BATCH = 80, 8
X = np.random.default_rng(0).normal(1.0, 1.0, N).astype(np.float32)
EXACT = (N + 1 / 10**2) ** -0.5  # standard deviation of the mean given N observations
LIBRARIES = {
    "pyro": (pyro, pyro_dist, torch.tensor),
    "numpyro": (numpyro, numpyro_dist, jnp.asarray),
}


def mean_of_all(engine: str, *, right: bool) -> Any:
    """A mean of all rows, in a plate that knows how many there are or in one of the batch's."""
    library, dist, number = LIBRARIES[engine]

    def model(x: Any) -> None:
        mean = library.sample("mean", dist.Normal(0.0, 10.0))
        size = {"size": N, "subsample_size": len(x)} if right else {"size": len(x)}
        with library.plate("data", **size):
            library.sample("x", dist.Normal(mean, 1.0), obs=x)

    def guide(x: Any) -> None:
        loc = library.param("loc", number(1.0))
        scale = library.param("scale", number(0.2), constraint=dist.constraints.positive)
        library.sample("mean", dist.Normal(loc, scale))

    return model, guide


def trained(engine: str, data: Any = X, *, right: bool = False, **settings: Any) -> Any:
    usual = {"steps": 2, "batch_size": BATCH, "progress": False, "engine": engine}
    return fit(mean_of_all(engine, right=right), data, **(usual | settings))


@pytest.mark.parametrize("engine", LIBRARIES)
def test_minibatches_that_pass_for_all_data_are_refused(engine):
    said = rf"'mean' lies outside of the data's plate 'data'.*plate\('data', {N}, subsample_size"
    with pytest.raises(PairError, match=said):
        trained(engine)


@pytest.mark.parametrize("engine", LIBRARIES)
def test_minibatches_of_a_known_whole_have_the_exact_posterior(engine):
    settings = {"steps": 500, "learning_rate": 0.01}
    run = trained(engine, right=True, **settings)
    assert float(run.parameters["scale"]) == pytest.approx(EXACT, rel=0.15)
    # All rows at once are all rows, whatever the plate is called with.
    run = trained(engine, batch_size=N, **settings)
    assert float(run.parameters["scale"]) == pytest.approx(EXACT, rel=0.15)


@pytest.mark.parametrize(("engine", "loss"), [("pyro", PyroELBO), ("numpyro", NumPyroELBO)])
def test_what_the_library_trains_is_warned_of(engine, loss):
    with pytest.warns(UserWarning, match="outside of the data's plate"):
        trained(engine, objective=loss())
    trained(engine, right=True, objective=loss())


@pytest.mark.parametrize("engine", LIBRARIES)
def test_batches_are_warned_of_once_and_only_where_there_are_several(engine):
    several = list(X.reshape(-1, BATCH))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        trained(engine, several, steps=None, epochs=2)
        assert ["outside of the data's plate" in str(each.message) for each in heard] == [True]
        heard.clear()
        trained(engine, [X], steps=None, epochs=2)
        trained(engine, several, right=True, steps=None, epochs=2)
        assert not heard


def test_a_latent_of_one_batch_is_none_of_all_data():
    """A batch is a picture, whose rows are pixels; the guide looks at the picture."""

    def model(x: torch.Tensor) -> None:
        place = pyro.sample("place", pyro_dist.Normal(0.0, 1.0))
        lit = pyro.sample("lit", pyro_dist.Bernoulli(torch.tensor(0.5)))
        with pyro.plate("pixels", BATCH):
            pyro.sample("x", pyro_dist.Normal((place * lit)[..., None], 1.0), obs=x)

    def guide(x: torch.Tensor) -> None:
        slope = pyro.param("slope", torch.tensor(0.5))
        pyro.sample("place", pyro_dist.Normal(slope * x.mean(), 0.5))
        pyro.sample("lit", pyro_dist.Bernoulli(logits=0.01 * slope * x.mean()))

    run = fit((model, guide), list(X.reshape(-1, BATCH)), epochs=2, progress=False)
    assert run.status == "finished"  # and without the warning, which would be an error here
