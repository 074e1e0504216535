# type: ignore  # as users write them
"""Auto-encoders whose latents and data change places, and flows on either side."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as transforms
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from torch import nn
from torch.nn.functional import softplus

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(10)
IMAGE = torch.randn(30, 4, generator=_random)
TEXT = IMAGE[:, :2] + 0.2 * torch.randn(30, 2, generator=_random)


class _Two(nn.Module):
    """Two kinds of data of one thing, of which the second may be missing."""

    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong
        self.image, self.text = nn.Linear(2, 4), nn.Linear(2, 2)
        self.missing = nn.Linear(4, 2)
        self.both = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.ReLU())
        self.head = nn.Linear(8, 4)

    def model(self, image, text=None):
        pyro.module("two", self)
        with pyro.plate("data"):
            z = pyro.sample("z", dist.Normal(image.new_zeros(len(image), 2), 1.0).to_event(1))
            pyro.sample("text", dist.Normal(self.text(z), 0.5).to_event(1), obs=text)
            pyro.sample("image", dist.Normal(self.image(z), 0.5).to_event(1), obs=image)

    def guide(self, image, text=None):
        pyro.module("two", self)
        with pyro.plate("data"):
            if text is None or self.wrong:
                text = pyro.sample("text", dist.Normal(self.missing(image), 0.5).to_event(1))
            loc, scale = self.head(self.both(torch.cat([image, text], -1))).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, softplus(scale)).to_event(1))


@program(
    "two kinds of data, the second observed in one batch and latent in the next",
    loss=Trace_ELBO,
    batches=lambda: [(IMAGE[:10], TEXT[:10]), (IMAGE[10:20],), (IMAGE[20:], TEXT[20:])],
    mistake="the guide draws the second kind even where it is given",
)
def second_kind_missing(*, wrong=False):
    return _Two(wrong)


TREATED = (torch.rand(30, generator=_random) < 0.5).float()
OUTCOME = IMAGE[:, 0] + TREATED + 0.2 * torch.randn(30, generator=_random)


def with_observed_of_the_guide(model, guide, *args):
    """The negative bound, less what the guide itself says about data: both are to grow."""
    proposed = poutine.trace(guide).get_trace(*args)
    scored = poutine.trace(poutine.replay(model, trace=proposed)).get_trace(*args)
    said = proposed.log_prob_sum(lambda name, site: site["is_observed"])
    latent = proposed.log_prob_sum(lambda name, site: not site["is_observed"])
    return latent - scored.log_prob_sum() - said


@program(
    "the effect of a treatment: the guide predicts treatment and outcome, and sees them too",
    loss=lambda: with_observed_of_the_guide,
    batches=lambda: [
        (IMAGE[:15], TREATED[:15], OUTCOME[:15]),
        (IMAGE[15:], TREATED[15:], OUTCOME[15:]),
    ],
    mistake="the guide draws the treatment that the model observes",
)
def effect_of_a_treatment(*, wrong=False):
    net = nn.ModuleDict(
        {
            "x": nn.Linear(2, 4),
            "treated": nn.Linear(2, 1),
            "outcome": nn.Linear(3, 1),
            "guess_treated": nn.Linear(4, 1),
            "guess_outcome": nn.Linear(5, 1),
            "z": nn.Linear(6, 4),
        }
    )
    aside = {"is_auxiliary": True}

    def model(x, treated, outcome):
        pyro.module("net", net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(net["x"](z), 1.0).to_event(1), obs=x)
            odds = net["treated"](z)[..., 0]
            t = pyro.sample("treated", dist.Bernoulli(logits=odds), obs=treated)
            t = t.expand(z.shape[:-1])
            mean = net["outcome"](torch.cat([z, t[..., None]], -1))[..., 0]
            pyro.sample("outcome", dist.Normal(mean, 1.0), obs=outcome)

    def guide(x, treated, outcome):
        pyro.module("net", net)
        with pyro.plate("data", len(x)):
            odds = dist.Bernoulli(logits=net["guess_treated"](x)[..., 0])
            seen = None if wrong else treated
            t = pyro.sample("treated", odds, obs=seen, infer=aside)
            mean = net["guess_outcome"](torch.cat([x, t[..., None]], -1))[..., 0]
            y = pyro.sample("outcome", dist.Normal(mean, 1.0), obs=outcome, infer=aside)
            features = net["z"](torch.cat([x, t[..., None], y[..., None]], -1))
            loc, scale = features.chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, softplus(scale)).to_event(1))

    return model, guide


@program(
    "a guide that sends each row's draw through planar flows",
    loss=Trace_ELBO,
    batches=lambda: [(IMAGE,)],
    mistake="the flows are never given to pyro.module, so that they are not trained",
)
def flow_as_guide(*, wrong=False):
    decoder, encoder = nn.Linear(2, 4), nn.Linear(4, 4)
    flows = [transforms.planar(2), transforms.planar(2)]

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.7).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        if not wrong:
            pyro.module("flows", nn.ModuleList(flows))
        loc, scale = encoder(x).chunk(2, -1)
        with pyro.plate("rows", len(x)):
            base = dist.Normal(loc, softplus(scale)).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, flows))

    return model, guide


@program(
    "a coupling flow as the likelihood of each row, around a latent mean",
    loss=Trace_ELBO,
    batches=lambda: [(TEXT,)],
    mistake="the likelihood ends in an exponential, and the data are negative too",
)
def flow_as_likelihood(*, wrong=False):
    coupling = transforms.affine_coupling(2, hidden_dims=[4])
    encoder = nn.Linear(2, 4)

    def model(x):
        pyro.module("coupling", coupling)
        steps = [coupling, transforms.ExpTransform()] if wrong else [coupling]
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            base = dist.Normal(z, 0.5).to_event(1)
            pyro.sample("x", dist.TransformedDistribution(base, steps), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        loc, scale = encoder(x).chunk(2, -1)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(loc, softplus(scale)).to_event(1))

    return model, guide
