# type: ignore  # as users write them
"""Model and guide in a file that names no library: what they call is elsewhere."""

from __future__ import annotations

import functools
import importlib
from types import SimpleNamespace

import numpy as np

from numpyro_corpus import factors
from numpyro_corpus.registry import program

_random = np.random.default_rng(1)
X = _random.normal(size=(24, 5)).astype(np.float32)
BITS = (_random.random((24, 5)) < 0.4).astype(np.float32)
Y = (X @ np.array([1, -1, 0.5, 0, 0]) + 0.3 * _random.normal(size=24)).astype(np.float32)


@program(
    "a lambda that fills in a setting, as one does to plot the bound against the latent size",
    loss="Trace_ELBO",
    batches=lambda: [(X,)],
    mistake="the guide forgets .to_event(1)",
)
def lambda_with_a_setting(*, wrong=False):
    m = factors.Factors()
    return lambda x: m.model(x, 3), lambda x: m.guide(x, 3, wrong=wrong)


@program(
    "functools.partial over closures from a factory of models",
    loss="TraceMeanField_ELBO",
    batches=lambda: [(X, Y)],
    mistake="the guide's weights have one entry less than the model's",
)
def partial_over_closures(*, wrong=False):
    def likelihood(build, *batch):
        return build(*batch)

    prior = functools.partial(factors.normal, 5, 0.0, 1.0)
    draw = functools.partial(factors.normal, 4 if wrong else 5)
    model = functools.partial(factors.regression, prior, 0.3)
    guide = functools.partial(factors.mean_field, draw)
    return functools.partial(likelihood, model), functools.partial(likelihood, guide)


@program(
    "a program that is handed its library, as code that runs on either of two does",
    loss="Trace_ELBO",
    batches=lambda: [(BITS[:, 0],)],
    mistake="the guide is Normal where the latent is a probability",
)
def library_by_attribute(*, wrong=False):
    class Coin:
        def __init__(self, ppl, dist):
            self.ppl, self.dist = ppl, dist

        def model(self, tosses):
            bias = self.ppl.sample("bias", self.dist.Beta(2.0, 2.0))
            with self.ppl.plate("tosses", len(tosses)):
                self.ppl.sample("toss", self.dist.Bernoulli(bias), obs=tosses)

        def guide(self, tosses):
            a = self.ppl.param("a", 2.0, constraint=self.dist.constraints.positive)
            b = self.ppl.param("b", 2.0, constraint=self.dist.constraints.positive)
            right = self.dist.Normal if wrong else self.dist.Beta
            self.ppl.sample("bias", right(a, b))

    own, dist = (importlib.import_module(f"numpyro{part}") for part in ("", ".distributions"))
    coin = Coin(SimpleNamespace(sample=own.sample, plate=own.plate, param=own.param), dist)
    return coin.model, coin.guide
