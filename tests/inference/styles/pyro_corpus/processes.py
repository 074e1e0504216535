# type: ignore  # as users write them
"""Programs that hold their data, and guides with parameters for each row."""

from __future__ import annotations

import pyro
import pyro.contrib.gp as gp
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from torch.distributions import constraints

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(8)
X = torch.linspace(-1, 1, 24)
Y = torch.sin(3 * X) + 0.2 * torch.randn(24, generator=_random)


@program(
    "a sparse Gaussian process of upstream's, which holds its data and takes no argument",
    loss=TraceMeanField_ELBO,
    batches=lambda: [()],
    mistake="the guide belongs to a process with fewer inducing points",
)
def sparse_gaussian_process(*, wrong=False):
    def process(points):
        kernel = gp.kernels.RBF(input_dim=1)
        inducing, likelihood = torch.linspace(-1, 1, points), gp.likelihoods.Gaussian()
        return gp.models.VariationalSparseGP(X, Y, kernel, inducing, likelihood, whiten=True)

    one = process(5)
    return (one.model, process(4).guide) if wrong else one


ROWS = torch.randn(20, 2, generator=_random) @ torch.randn(2, 4, generator=_random)


@program(
    "principal components with a mean and a deviation for each row",
    loss=Trace_ELBO,
    batches=lambda: [(ROWS,)],
    mistake="the parameters are those of one row less",
)
def parameters_for_each_row(*, wrong=False):
    def model(x):
        weight = pyro.param("weight", torch.eye(2, 4))
        noise = pyro.param("noise", torch.tensor(0.5), constraint=constraints.positive)
        with pyro.plate("rows", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, noise).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(20 - wrong, 2))
        scale = pyro.param("scale", torch.full((20 - wrong, 2), 0.5), constraints.positive)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", dist.Normal(loc, scale).to_event(1))

    return model, guide
