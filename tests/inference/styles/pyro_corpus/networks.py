# type: ignore  # as users write them
"""Networks without any plate, and a generator without a likelihood."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal
from torch import nn

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(3)
X = torch.linspace(-2, 2, 20)[:, None]
Y = X[:, 0] ** 2 / 2 + 0.1 * torch.randn(20, generator=_random)


@program(
    "weight matrices of a Bayesian network, and neither plate nor module",
    loss=Trace_ELBO,
    batches=lambda: [(X, Y)],
    mistake="the mean is a column beside targets in a row, which broadcast to a square",
)
def weight_matrices(*, wrong=False):
    def model(x, y):
        w1 = pyro.sample("w1", dist.Normal(torch.zeros(1, 4), 1.0).to_event(2))
        b1 = pyro.sample("b1", dist.Normal(torch.zeros(4), 1.0).to_event(1))
        w2 = pyro.sample("w2", dist.Normal(torch.zeros(4, 1), 1.0).to_event(2))
        mean = (x @ w1 + b1).tanh() @ w2
        noise = torch.tensor(0.2)
        if wrong:
            pyro.sample("y", dist.Normal(mean, noise), obs=y)
        else:
            pyro.sample("y", dist.Normal(mean.squeeze(-1), noise).to_event(1), obs=y)

    return model, AutoDiagonalNormal(model, init_scale=0.05)


IMAGES = (torch.rand(24, 1, 4, 4, generator=_random) < 0.4).float()


class _ImageVAE(nn.Module):
    """Convolutions, and rows that belong to the event."""

    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong
        self.encoder = nn.Sequential(nn.Conv2d(1, 2, 2, 2), nn.ReLU(), nn.Flatten())
        self.loc, self.log_scale = nn.Linear(8, 2), nn.Linear(8, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 16))

    def model(self, images):
        pyro.module("decoder", self.decoder)
        prior = dist.Normal(torch.zeros(len(images), 2), torch.ones(len(images), 2))
        z = pyro.sample("latent", prior.to_event(2))
        logits = self.decoder(z).reshape(images.shape)
        pyro.sample("image", dist.Bernoulli(logits=logits).to_event(4), obs=images)
        return logits.sigmoid()

    def guide(self, images):
        pyro.module("vae", self)
        features = self.encoder(images)
        loc, scale = self.loc(features), self.log_scale(features).exp()
        given = (scale, loc) if self.wrong else (loc, scale)
        pyro.sample("latent", dist.Normal(*given).to_event(2))


@program(
    "an image auto-encoder in which all rows are one event",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(IMAGES[:12],), (IMAGES[12:],)],
    mistake="the guide's mean and scale are swapped",
)
def images_without_a_plate(*, wrong=False):
    return _ImageVAE(wrong)


def energy_distance(model, guide, x):
    """2 E|x - y| - E|y - y'| between data x and draws y: a loss of the user's own."""
    y = model(x)
    return 2 * torch.cdist(x, y).mean() - torch.cdist(y, y).mean()


RING = nn.functional.normalize(torch.randn(32, 2, generator=_random), dim=-1)


@program(
    "a generator that observes nothing: what it returns are its draws",
    loss=lambda: energy_distance,
    batches=lambda: [(RING,)],
    mistake="the generator runs under no_grad",
)
def generator_without_a_likelihood(*, wrong=False):
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))

    def model(x=None, *, size=1):
        pyro.module("generator", net)
        rows = size if x is None else len(x)
        with (
            pyro.plate("data", rows),
            torch.set_grad_enabled(not wrong and torch.is_grad_enabled()),
        ):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            return pyro.deterministic("draw", net(z), event_dim=1)

    def guide(x=None, *, size=1):
        with pyro.plate("data", size if x is None else len(x)):
            pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    return model, guide
