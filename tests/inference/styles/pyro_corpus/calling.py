# type: ignore  # as users write them
"""Model and guide that are no plain functions of a module that imports Pyro by name."""

from __future__ import annotations

import functools

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import (
    JitTrace_ELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceMeanField_ELBO,
)
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule, PyroParam, PyroSample
from torch import nn
from torch.distributions import constraints

from pyro_corpus.reaching import Experiment, later
from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(1)
X = torch.randn(24, 5, generator=_random)
Y = X @ torch.tensor([1.0, -1.0, 0.5, 0.0, 0.0]) + 0.3 * torch.randn(24, generator=_random)
BITS = (torch.rand(24, 5, generator=_random) < 0.4).float()


class _Factors(nn.Module):
    """Linear factors; the noise is said at every call."""

    def __init__(self, latents):
        super().__init__()
        self.latents = latents
        self.decoder, self.encoder = nn.Linear(latents, 5), nn.Linear(5, 2 * latents)

    def model(self, x, noise):
        pyro.module("decoder", self.decoder)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), self.latents), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), noise).to_event(1), obs=x)

    def guide(self, x, *, wrong=False):
        pyro.module("encoder", self.encoder)
        mean, log_scale = self.encoder(x).chunk(2, -1)
        posterior = dist.Normal(mean, log_scale.exp())
        with pyro.plate("rows", len(x)):
            pyro.sample("z", posterior if wrong else posterior.to_event(1))


@program(
    "lambdas that fill in a setting, as in a loop over hyperparameters",
    loss=lambda: RenyiELBO(alpha=0.5, num_particles=3),
    batches=lambda: [(X,)],
    mistake="the guide forgets .to_event(1)",
)
def lambda_with_a_setting(*, wrong=False):
    pair = _Factors(2)
    return lambda x: pair.model(x, 0.5), lambda x: pair.guide(x, wrong=wrong)


@program(
    "functools.partial over closures from a factory of regressions, compiled",
    loss=JitTrace_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the guide's weights have one entry less than the model's",
)
def partial_over_closures(*, wrong=False):
    def likelihood(prior, scale, x, y):
        weight = prior()
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal(x @ weight, scale), obs=y)

    def normal(width, loc, scale):
        return pyro.sample("weight", dist.Normal(loc, scale).expand([width]).to_event(1))

    def posterior(draw, x, y):
        scale = pyro.param("scale", torch.tensor(0.3), constraint=constraints.positive)
        draw(loc=pyro.param("loc", torch.tensor(0.0)), scale=scale)

    prior = functools.partial(normal, 5, torch.tensor(0.0), torch.tensor(1.0))
    draw = functools.partial(normal, 4 if wrong else 5)
    return functools.partial(likelihood, prior, 0.3), functools.partial(posterior, draw)


@program(
    "callables that reach their networks through the attributes of an experiment",
    loss=lambda: Trace_ELBO(num_particles=4, vectorize_particles=True, max_plate_nesting=1),
    batches=lambda: [(BITS[:12],), (BITS[12:],)],
    mistake="the decoder is never given to pyro.module, so that it is not trained",
)
def reached_by_attribute(*, wrong=False):
    lab = Experiment(down=nn.Linear(2, 5), up=nn.Linear(5, 4))

    def score(x):
        if not wrong:
            pyro.module("down", lab.down)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=lab.down(z)).to_event(1), obs=x)

    def propose(x):
        pyro.module("up", lab.up)
        mean, log_scale = lab.up(x).chunk(2, -1)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    lab.score, lab.propose = score, propose
    return lab.run, later(lab, "propose")


class _Down:
    """A model that is an object to be called."""

    def __init__(self):
        self.net = nn.Linear(3, 5)
        self.prior = nn.Parameter(torch.zeros(3))

    def __call__(self, x):
        pyro.module("net", self.net)
        logits = pyro.param("prior", self.prior)
        with pyro.plate("rows", x.shape[0]):
            h = pyro.sample("h", dist.Bernoulli(logits=logits).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.net(h)).to_event(1), obs=x)


class _Up:
    """A guide that is an object to be called."""

    def __init__(self, wrong):
        self.net, self.wrong = nn.Linear(5, 3), wrong

    def __call__(self, x):
        pyro.module("recognition", self.net)
        with pyro.plate("rows", x.shape[0]):
            logits = self.net(x)
            prior = dist.Bernoulli(torch.full_like(logits, 0.5)).to_event(1)
            posterior = dist.Bernoulli(logits=logits).to_event(1)
            pyro.sample("h", prior if self.wrong else posterior)


@program(
    "objects with __call__ as model and guide, a belief net under wake-sleep",
    loss=lambda: ReweightedWakeSleep(num_particles=3, vectorize_particles=False),
    batches=lambda: [(BITS,)],
    mistake="the guide draws from the prior and leaves its network unused",
)
def callable_objects(*, wrong=False):
    return _Down(), _Up(wrong)


class _Net(PyroModule):
    """A network of one hidden layer whose weights are all random."""

    def __init__(self, wrong):
        super().__init__()
        for name, inputs, outputs in (("hidden", 5, 3), ("out", 3, 1)):
            layer = PyroModule[nn.Linear](inputs, outputs)
            prior = dist.Normal(torch.tensor(0.0), 1.0).expand([outputs, inputs])
            layer.weight = PyroSample(prior if wrong else prior.to_event(2))
            layer.bias = PyroSample(dist.Normal(0.0, 1.0).expand([outputs]).to_event(1))
            setattr(self, name, layer)
        self.noise = PyroParam(torch.tensor(0.5), constraint=constraints.positive)

    def forward(self, x, y=None):
        mean = self.out(self.hidden(x).tanh()).squeeze(-1)
        with pyro.plate("rows", x.shape[0]):
            pyro.sample("y", dist.Normal(mean, self.noise), obs=y)
        return mean


@program(
    "a Bayesian network by PyroSample whose object is the model",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the priors of the weights forget .to_event(2)",
)
def random_weights_in_a_module(*, wrong=False):
    model = _Net(wrong)
    return model, AutoNormal(model, init_scale=0.1)
