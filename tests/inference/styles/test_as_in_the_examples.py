# type: ignore  # as users write them
"""What the libraries' own examples do, and programs that were written for tests do not."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpy.testing import assert_allclose
from numpyro.infer import SVI, TraceEnum_ELBO
from numpyro.infer.autoguide import AutoNormal
from numpyro.optim import Adam
from scipy import stats
from torch import nn

from inference import check_pair, fit, log_likelihood
from inference.engines.numpyro.parameters import flatten
from inference.errors import PairError

GROUPS = np.array([0, 2, 1, 2])  # one of each column of what is counted
COUNTS = np.array([[0, 1, 1, 1], [2, 2, 0, 2], [1, 1, 1, 0], [0, 0, 0, 0], [1, 2, 1, 1]])


def raters(groups, counts):
    """As models of annotation: sizes are read off the data, which have no rows in common."""
    num_groups, num_classes = int(np.max(groups)) + 1, len(np.unique(counts))
    with numpyro.plate("rater", num_groups, dim=-2), numpyro.plate("class", num_classes):
        beta = numpyro.sample("beta", npdist.Dirichlet(jnp.ones(num_classes)))
    with numpyro.plate("item", len(counts), dim=-2):
        prior = npdist.Categorical(jnp.ones(num_classes) / num_classes)
        c = numpyro.sample("c", prior, infer={"enumerate": "parallel"})
        with numpyro.plate("position", len(groups)):
            numpyro.sample("y", npdist.Categorical(beta[groups, c]), obs=counts)


def rated():
    return raters, AutoNormal(numpyro.handlers.block(raters, hide=["c", "y"]))


def test_values_of_the_data_are_asked_for():
    """NumPyro's own `svi.run` holds the data as they are."""
    settings = {"objective": TraceEnum_ELBO(), "optimizer": Adam(0.01), "progress": False}
    run = fit(rated(), [(GROUPS, COUNTS)], steps=4, seed=3, **settings)
    svi = SVI(*rated(), Adam(0.01), TraceEnum_ELBO())
    svi = svi.run(jax.random.PRNGKey(3), 4, GROUPS, COUNTS, progress_bar=False)
    ours, upstream = flatten(run.pair.values), flatten(svi.params)
    assert ours.keys() == upstream.keys()
    for name, value in upstream.items():
        assert_allclose(ours[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_values_of_the_data_and_unequal_arrays_are_not_blamed():
    checks = ["finite-log-p", "rows-change-places", "gradients-are-finite"]
    assert not check_pair(rated(), GROUPS, COUNTS, checks=checks).failed


def one_mean_a_group(group, x):
    num_groups = int(np.max(group)) + 1
    with numpyro.plate("group", num_groups):
        mean = numpyro.sample("mean", npdist.Normal(0.0, 3.0))
    with numpyro.plate("data", 8, subsample_size=len(x)):
        numpyro.sample("x", npdist.Normal(mean[group], 1.0), obs=x)


def test_minibatches_have_no_values_to_ask_for():
    """All rows at once do, with validation data too."""
    data = np.arange(8) % 3, np.arange(8, dtype=np.float32)
    pair, settings = (one_mean_a_group, AutoNormal(one_mean_a_group)), {"progress": False}
    with pytest.raises(PairError, match=r"asks for values of its data.*batch_size="):
        fit(pair, data, steps=2, batch_size=4, **settings)
    (row,) = fit(pair, data, epochs=1, batch_size=8, valid=data, **settings).rows
    assert_allclose(row["valid_bound"], -row["loss"], rtol=0.5)  # of one draw each


def test_probabilities_that_are_clamped_are_the_same_in_float32():
    """An animal that is dead is seen: `clamp_probs` puts the smallest number for 0."""

    def seen(x):
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", npdist.Bernoulli(0.5))
            probs = npdist.util.clamp_probs(0.9 * z)
            numpyro.sample("x", npdist.Bernoulli(probs), obs=x)

    def guide(x):
        with numpyro.plate("data", len(x)):
            logits = numpyro.param("logits", jnp.zeros(()))
            numpyro.sample("z", npdist.Bernoulli(logits=logits))

    report = check_pair((seen, guide), np.ones(40, np.float32), checks=["float32-is-enough"])
    assert not report.failed


WIDE = "probabilities of 'y' in the model come nearer to 0 or 1 than float32 tells apart"
TRIALS = np.array([3.0, 5.0, 4.0, 6.0], np.float32)


def wide_on_pyro(y):
    z = pyro.sample("z", dist.Normal(0.0, 30.0))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Binomial(9, z.sigmoid()), obs=y)


def guide_far_off(y):
    pyro.sample("z", dist.Normal(pyro.param("mean", torch.tensor(24.0)), 0.1))


def wide_on_numpyro(y):
    z = numpyro.sample("z", npdist.Normal(0.0, 30.0))
    with numpyro.plate("data", len(y)):
        numpyro.sample("y", npdist.Binomial(9, jax.nn.sigmoid(z)), obs=y)


def numpyro_guide_far_off(y):
    numpyro.sample("z", npdist.Normal(numpyro.param("mean", 24.0), 0.1))


@pytest.mark.parametrize(
    "pair",
    [(wide_on_pyro, guide_far_off), (wide_on_numpyro, numpyro_guide_far_off)],
    ids=["pyro", "numpyro"],
)
def test_probabilities_of_one_at_the_start_are_noted(pair):
    """Wide priors of a logit begin there, as in the mortality example; training leads away."""
    report = check_pair(pair, TRIALS)
    assert not report.failed, report
    assert any(WIDE in note.message for note in report.notes), report


def left(x):
    """Counts its dimensions from the left, so that its particles go one by one."""
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(1))
        mean = torch.stack([z[:, 0], z[:, 1], z[:, 0] + z[:, 1]], 1)
        pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)


def left_guide(x):
    spread = pyro.param("spread", torch.tensor(0.8))
    mean = pyro.param("slope", torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.1, 0.1]]))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x @ mean, spread).to_event(1))


def test_any_number_of_rows_where_particles_go_one_by_one():
    """400 draws of weights whose spread is below 1.5: a mean of five rows is within 0.2."""
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    run = fit((left, left_guide), x, steps=1, learning_rate=1e-6, progress=False)
    loadings = np.array([[1, 0], [0, 1], [1, 1]])
    law = stats.multivariate_normal(np.zeros(3), loadings @ loadings.T + np.eye(3))
    found = log_likelihood(run, x, num_particles=400)
    assert_allclose(found.mean, law.logpdf(x).mean(), atol=0.2)


class Baselined(nn.Module):
    """A score-function guide with a baseline that it works out itself, as in AIR."""

    def __init__(self):
        super().__init__()
        self.encode, self.baseline, self.decode = nn.Linear(3, 1), nn.Linear(3, 1), nn.Linear(1, 3)

    def model(self, x):
        pyro.module("decode", self.decode)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(len(x))))
            law = dist.Normal(self.decode(z.unsqueeze(-1)), 1.0)
            pyro.sample("x", law.to_event(1), obs=x)

    def guide(self, x):
        pyro.module("encode", self.encode)
        pyro.module("baseline", self.baseline)
        value = self.baseline(x).squeeze(-1)
        nn.functional.grid_sample(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2, 2))  # it warns
        with pyro.plate("data", len(x)):
            law = dist.Bernoulli(logits=self.encode(x).squeeze(-1))
            pyro.sample("z", law, infer={"baseline": {"baseline_value": value}})


@pytest.mark.filterwarnings("ignore:Default grid_sample")  # it is heard where a run is recorded
def test_a_baseline_of_the_guide_and_a_default_of_torch_are_not_blamed():
    net = Baselined()
    checks = ["no-warnings", "guide-parameters-have-gradients"]
    report = check_pair((net.model, net.guide), np.ones((4, 3), np.float32), checks=checks)
    assert not report.failed


def annealed(x, factor, sizes=None):
    with pyro.plate("data", len(x)), pyro.poutine.scale(scale=factor):
        z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([sizes["z"]]).to_event(1))
        pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)


def annealed_guide(x, factor, sizes=None):
    slope = pyro.param("slope", torch.tensor(0.25))
    with pyro.plate("data", len(x)), pyro.poutine.scale(scale=factor):
        pyro.sample("z", dist.Normal(slope * x, 1.0).to_event(1))


def test_latents_of_a_pair_that_takes_more_than_arrays():
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    given = {"x": x, "factor": 0.3, "sizes": {"z": 2}}
    settings = {"steps": 1, "learning_rate": 1e-6, "progress": False}
    run = fit((annealed, annealed_guide), [given], **settings)
    for found in (run.latents(given), run.latents(x, 0.3, {"z": 2})):
        assert_allclose(found["z"], 0.25 * x, rtol=1e-4)


def test_arguments_in_a_tuple_whose_arrays_are_in_dictionaries():
    """`f((a, b))` is `f(a, b)` wherever the arrays are: `fit` and `log_likelihood` take it so."""
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    given = ({"x": x}, {"factor": 0.3})

    def model(data, settings):
        annealed(data["x"], settings["factor"], {"z": 2})

    def guide(data, settings):
        annealed_guide(data["x"], settings["factor"])

    run = fit((model, guide), [given], steps=1, learning_rate=1e-6, progress=False)
    for found in (run.latents(given), run.latents(*given)):
        assert_allclose(found["z"], 0.25 * x, rtol=1e-4)
    assert run.to_arviz(given, num_draws=2).posterior["z"].shape == (1, 2, 5, 2)
