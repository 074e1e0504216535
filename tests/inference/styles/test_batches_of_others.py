# type: ignore  # as users write them
"""Batches and losses as other people's programs have them, and what is asked of the fitted pair."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from numpy.testing import assert_allclose
from pyro import poutine
from pyro.contrib.mue.missingdatahmm import MissingDataDiscreteHMM
from pyro.infer import SVI, JitTrace_ELBO, JitTraceMeanField_ELBO, Trace_ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.optim import Adam
from torch import nn

from inference import (
    ARM,
    ELBO,
    NVIL,
    REBAR,
    RELAX,
    Concrete,
    DisARM,
    Enumerated,
    MuProp,
    fit,
    log_likelihood,
    to_arviz,
    valid_objectives,
)
from inference.engines.pyro.parameters import stored_values
from inference.errors import DataError, ObjectiveError, PairError

random = np.random.default_rng(0)
X = random.normal(size=(6, 3)).astype(np.float32)
Y = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 0]]
SETTINGS = {"progress": False, "seed": 3, "learning_rate": 0.05}


class Labelled(nn.Module):
    """As M2: in `plate("data")`, which has no size; labels are drawn where they are not given."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.label, self.propose, self.decode = nn.Linear(3, 2), nn.Linear(5, 2), nn.Linear(4, 3)

    def model(self, x, y=None):
        pyro.module("net", self)
        with pyro.plate("data"):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(1))
            y = pyro.sample("y", dist.OneHotCategorical(torch.full((len(x), 2), 0.5)), obs=y)
            mean = self.decode(torch.cat(torch.broadcast_tensors(z, y), -1))
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)

    def guide(self, x, y=None):
        with pyro.plate("data"):
            if y is None:
                y = pyro.sample("y", dist.OneHotCategorical(logits=self.label(x)))
            shape = (*y.shape[:-1], 3)
            mean = self.propose(torch.cat([x.expand(shape), y], -1))
            pyro.sample("z", dist.Normal(mean, 0.5).to_event(1))


def labelled():
    pair = Labelled()
    return pair.model, pair.guide


@pytest.mark.parametrize("objective", [NVIL(), Enumerated()])
def test_a_plate_without_a_size(objective):
    """It has that of its sites: these asked it how many rows there are, and were told -1."""
    run = fit(labelled(), [(X,)], objective=objective, steps=3, **SETTINGS)
    assert np.isfinite(run.rows[-1]["loss"])


@pytest.mark.parametrize(
    "objective", [Concrete(), REBAR(), RELAX(), MuProp(), ARM(), DisARM()], ids=str
)
def test_a_batch_with_nothing_discrete_between_others(objective):
    """There each is the ELBO: its gradient is that of Pyro's own loss from the same seed."""
    batches = [(X,), (X, Y)]
    assert type(objective).__name__ in valid_objectives(labelled(), X).valid
    run = fit(labelled(), batches, objective=objective, steps=4, **SETTINGS)
    assert np.isfinite(run.rows[-1]["loss"])
    pair, tensors = Labelled(), (torch.tensor(X), torch.tensor(Y))

    def gradient(loss):
        pair.zero_grad()
        with pyro.get_param_store().scope():
            pyro.set_rng_seed(5)
            loss(pair.model, pair.guide, *tensors).backward()
        return [None if p.grad is None else p.grad.clone() for p in pair.parameters()]

    ours = gradient(objective.for_later_batches())
    theirs = gradient(ELBO(analytic_kl=False))
    for one, other in zip(ours, theirs, strict=True):
        assert_allclose(0 if one is None else one, 0 if other is None else other, atol=1e-5)
    with pytest.raises(ObjectiveError, match="is for discrete draws"):  # alone it is for nothing
        fit(labelled(), [(X, Y)], objective=objective, steps=1, **SETTINGS)


def target(mean, scale, skew=0.0):
    pyro.sample("z", dist.Normal(mean + skew, scale))


def test_tuples_of_numbers_are_calls_where_a_table_is_none():
    """`svi.step(1.15, 2.0)`: a list with that tuple is a batch, and not a table of one row."""
    settings = {"objective": Trace_ELBO(), "optimizer": Adam({"lr": 0.05})}
    run = fit((target, AutoNormal(target)), [(1.15, 2.0)], steps=5, seed=3, **settings)
    with pyro.get_param_store().scope():
        guide = AutoNormal(target)
        pyro.set_rng_seed(3)
        with torch.no_grad():
            Trace_ELBO().loss(target, guide, 1.15, 2.0)
        pyro.set_rng_seed(3)
        svi = SVI(target, guide, Adam({"lr": 0.05}), Trace_ELBO())
        for _ in range(5):
            svi.step(1.15, 2.0)
        theirs = {n: p.detach().numpy() for n, p in pyro.get_param_store().named_parameters()}
    assert theirs
    ours = run.pair.store["params"]
    for name, value in theirs.items():
        assert_allclose(ours[name].detach().numpy(), value, atol=1e-6)
    table = fit((mean_of, AutoNormal(mean_of)), [(1.0, 2.0), (3.0, 4.0)], steps=1, progress=False)
    assert (
        table.spec["data"]["id"]
        == fit(
            (mean_of, AutoNormal(mean_of)),
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            steps=1,
            progress=False,
        ).spec["data"]["id"]
    )


def mean_of(x):
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(mean, 1.0).expand([2]).to_event(1), obs=x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("loss", [JitTrace_ELBO, JitTraceMeanField_ELBO, TraceEnum_ELBO])
def test_losses_that_find_something_out_in_the_first_step(loss, tmp_path):
    """To compile, or to count plates, they draw numbers, once a run; one may serve several runs."""

    def fitted(objective, steps, **more):
        def model(x):
            with pyro.plate("rows", x.shape[0]):
                z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

        def guide(x):
            pyro.module("net", net)
            with pyro.plate("rows", x.shape[0]):
                pyro.sample("z", dist.Normal(net(x), 0.5).to_event(1))

        torch.manual_seed(0)
        net = nn.Linear(3, 3)
        run = fit((model, guide), [(X,)], objective=objective, steps=steps, **SETTINGS, **more)
        return stored_values(run.pair)

    whole, shared = fitted(loss(), 4), loss()
    fitted(loss(), 2, out=tmp_path / "run")
    resumed = fitted(loss(), 4, out=tmp_path / "run", resume=True)
    fitted(shared, 4)
    again = fitted(shared, 4)
    for name, value in whole.items():
        assert np.array_equal(resumed[name], value)
        assert np.array_equal(again[name], value)


def test_an_argument_of_the_loss_alone():
    """As in boosting: `svi.step(x, approximation=q)`, which the loss keeps from the pair."""

    def model(x):
        z = pyro.sample("z", dist.Normal(0.0, 5.0))
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(z * z, 1.0), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.tensor(0.5))
        pyro.sample("z", dist.Normal(loc, 0.1))

    def residual(model, guide, *args, approximation, **kwargs):
        drawn = poutine.trace(guide)
        loss = Trace_ELBO().differentiable_loss(model, drawn, *args, **kwargs)
        return loss + approximation.log_prob(drawn.trace.nodes["z"]["value"])

    before, x = dist.Normal(-2.0, 0.1), X[:, 0] + 4
    batch = {"x": x, "approximation": before}
    run = fit(
        (model, guide),
        [batch],
        objective=residual,
        optimizer=Adam({"lr": 0.05}),
        steps=5,
        seed=3,
        progress=False,
    )
    with pyro.get_param_store().scope() as store:
        with torch.no_grad():
            guide(x)
        pyro.set_rng_seed(3)
        svi = SVI(model, guide, Adam({"lr": 0.05}), residual)
        for _ in range(5):
            svi.step(torch.tensor(x), approximation=before)
        theirs = pyro.param("loc").item()
        del store
    assert_allclose(run.parameters["loc"], theirs, rtol=1e-6)


def tree(data):
    top = pyro.sample("z", dist.Normal(0.0, 1.0))
    for name, leaf in data.items():
        for place, value in enumerate(leaf if isinstance(leaf, list) else [leaf]):
            pyro.sample(f"{name}_{place}", dist.Normal(top, 1.0), obs=value)


def test_single_numbers_in_a_dictionary():
    """Their supports are checked like rows': an array without any has no length."""
    leaves = {"a": torch.tensor(1.0), "b": [torch.tensor(0.0), torch.tensor(2.0)]}
    run = fit((tree, AutoNormal(tree)), [(leaves,)], objective=ELBO(), steps=2, **SETTINGS)
    assert np.isfinite(run.rows[-1]["loss"])


def test_a_dictionary_that_is_an_argument_is_asked_about_as_one():
    """`run.latents(config)` took its keys for the guide's arguments."""

    def model(config):
        z = pyro.sample("z", dist.Normal(0.0, config["scale"]))
        with pyro.plate("rows", len(config["x"])):
            pyro.sample("x", dist.Normal(z, 1.0), obs=config["x"])

    config = {"x": X[:, 0], "scale": 2.0}
    run = fit((model, AutoNormal(model)), [(config,)], objective=ELBO(), steps=2, **SETTINGS)
    assert run.latents(config)["z"].shape == ()


def test_a_parameter_for_each_row_in_a_plate_without_a_size():
    """Two rows are no look at such a pair: its evaluations are of all rows."""
    x = np.array([0.0, 1.0, 20.0, 30.0], np.float32)

    def model(x):
        weights = pyro.param("weights", torch.tensor([0.4, 0.6]))
        with pyro.plate("rows"):
            k = pyro.sample("k", dist.Categorical(weights).expand_by([len(x)]))
            pyro.sample("x", dist.Normal(torch.tensor([0.0, 25.0])[k], 5.0), obs=x)

    def guide(x):
        probs = pyro.param("probs", torch.full((4, 2), 0.5))
        with pyro.plate("rows"):
            pyro.sample("k", dist.Categorical(probs))

    run = fit(
        (model, guide),
        [(x,)],
        objective=Trace_ELBO(),
        optimizer=Adam({"lr": 0.0}),
        steps=1,
        progress=False,
    )
    found = log_likelihood(run.pair, x, num_particles=20_000)
    parts = [0.4 * np.exp(-0.5 * (x / 5) ** 2), 0.6 * np.exp(-0.5 * ((x - 25) / 5) ** 2)]
    exact = np.log(sum(parts)) - np.log(5) - 0.5 * np.log(2 * np.pi)
    assert_allclose(found.per_datum, exact, atol=0.05)  # 5 standard errors at 20,000 draws


def test_series_of_any_length_that_no_distribution_states():
    """Draws of the latents and densities of the data are asked for; drawing data may fail."""
    sequences = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1], [1, 0, 1]]), 2).float()

    def model(x):
        start = pyro.sample("start", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        step = torch.log(torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
        with pyro.plate("rows", len(x)):
            law = MissingDataDiscreteHMM(start.log_softmax(-1), step, step)
            pyro.sample("x", law, obs=x)

    run = fit((model, AutoNormal(model)), [(sequences,)], objective=ELBO(), steps=1, **SETTINGS)
    assert to_arviz(run.pair, sequences.numpy(), num_draws=2).observed_data["x"].shape[:2] == (2, 3)

    def moving(x):
        start, noise = (
            dist.Normal(torch.zeros(1), 1.0).to_event(1),
            pyro.sample("s", dist.Gamma(2.0, 1.0)),
        )
        seen = dist.Normal(torch.zeros(1), noise.unsqueeze(-1)).to_event(1)
        one = torch.eye(1)
        law = dist.GaussianHMM(start, one, dist.MultivariateNormal(torch.zeros(1), one), one, seen)
        pyro.sample("x", law, obs=x)

    run = fit((moving, AutoNormal(moving)), [(X[:, :1],)], objective=ELBO(), steps=1, **SETTINGS)
    with pytest.raises(PairError, match="to_arviz draws data from the model, which fails"):
        to_arviz(run.pair, X[:, :1], num_draws=2)


def test_arrays_without_rows_in_common_are_asked_about_with_a_remedy():
    def model(series, where, size):
        with pyro.plate("rows", size, subsample=where):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            for step, x in enumerate(series):
                pyro.sample(f"x_{step}", dist.Normal(z, 1.0), obs=x)

    batch = X.T[:2], np.arange(6), 6
    run = fit((model, AutoNormal(model)), [batch], objective=ELBO(), steps=1, **SETTINGS)
    with pytest.raises(DataError, match=r"Predictive takes others, with run\.pair at"):
        run.latents(*batch)
