"""`Enumerated()` of labels that some batches give and others do not is upstream's sum for both."""

from __future__ import annotations

from typing import Any

import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, TraceEnum_ELBO, config_enumerate
from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]
from torch import nn

from inference import ELBO, IWAE, fit, valid_objectives
from inference.errors import ObjectiveError
from inference.objectives import Enumerated

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
Y = torch.eye(3)[torch.arange(8) % 3]
BATCHES = [(X[:4],), (X[4:], Y[4:])]


def pair() -> Any:
    """The second model of Kingma et al. 2014, arXiv:1406.5298, in small."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder, classifier, encoder = nn.Linear(5, 3), nn.Linear(3, 3), nn.Linear(6, 2)

    def both(a, b):
        shape = torch.broadcast_shapes(a.shape[:-1], b.shape[:-1])
        return torch.cat([a.expand(*shape, a.shape[-1]), b.expand(*shape, b.shape[-1])], -1)

    def model(x, y=None):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            y = pyro.sample("y", dist.OneHotCategorical(torch.ones(3) / 3), obs=y)
            pyro.sample("x", dist.Normal(decoder(both(y, z)), 0.5).to_event(1), obs=x)

    def guide(x, y=None):
        pyro.module("classifier", classifier)
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            if y is None:
                y = pyro.sample("y", dist.OneHotCategorical(logits=classifier(x)))
            pyro.sample("z", dist.Normal(encoder(both(x, y)), 1e-3).to_event(1))

    return model, config_enumerate(guide)


def steps(loss: Any, batches: Any) -> Any:
    pyro.clear_param_store()
    torch.manual_seed(0)
    model, guide = pair()
    svi = SVI(model, guide, Adam({"lr": 1e-4}), loss=loss)
    return [svi.step(*batch) for batch in batches]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.filterwarnings("ignore:TraceEnum_ELBO found no sample sites:UserWarning")
def test_a_step_on_each_is_upstreams(order):
    batches = BATCHES[::order] * 2
    ours = steps(Enumerated(), batches)  # the guide's z has hardly any noise
    assert ours == pytest.approx(steps(TraceEnum_ELBO(max_plate_nesting=1), batches), rel=2e-3)


@pytest.mark.parametrize("order", [1, -1])
def test_fit_takes_both_in_any_order(order):
    pyro.clear_param_store()
    run = fit(pair(), BATCHES[::order], objective=Enumerated(), steps=4, progress=False)
    assert run.history.loss.size


def test_where_labels_are_given_it_is_the_elbo():
    pyro.clear_param_store()
    made, values = pair(), []
    for objective in (Enumerated(), ELBO(analytic_kl=False)):
        torch.manual_seed(0)
        values.append(float(objective(*made, *BATCHES[1]).detach()))
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_data_alone_are_no_labels():
    """A binary likelihood, on the other engine."""

    def model(x):
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", ndist.Normal(0.0, 1.0))
            numpyro.sample("x", ndist.Bernoulli(logits=z), obs=x)

    def guide(x):
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", ndist.Normal(x, numpyro.param("scale", 1.0)))

    assert "Enumerated" in valid_objectives((model, guide), Y[:, 0].numpy()).refused


@pytest.mark.parametrize("order", [1, -1])
def test_a_kind_of_batch_that_comes_later_is_refused_before_training(order):
    """Where labels are given every draw is reparameterised, which `IWAE` needs."""
    pyro.clear_param_store()
    with pytest.raises(ObjectiveError, match="draw of 'y' is not reparameterised") as refused:
        fit(pair(), BATCHES[::order], objective=IWAE(2), steps=4, progress=False)
    assert not hasattr(refused.value, "run")
