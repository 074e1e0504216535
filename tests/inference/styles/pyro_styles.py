# type: ignore  # as users write them, without types: upstream's stubs refuse half of it
"""Pairs as people write them in Pyro: one tiny program for each style of its examples.

A style builds a fresh `(pair, batches, loss)`: `loss` is the one of `pyro.infer` that such programs
are trained with, and `batches` are the arguments of successive steps, over and over.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.contrib.easyguide import EasyGuide
from pyro.infer import (
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from pyro.infer.autoguide import (
    AutoDelta,
    AutoDiagonalNormal,
    AutoGuideList,
    AutoMultivariateNormal,
    AutoNormal,
)
from pyro.infer.reparam import LocScaleReparam
from pyro.nn import PyroModule, PyroParam, PyroSample
from torch import nn
from torch.distributions import constraints

ROWS, WIDTH, LABELS = 8, 4, 3
_random = np.random.default_rng(0)
BINARY = (_random.random((ROWS, WIDTH)) < 0.4).astype(np.float32)
REAL = _random.normal(size=(ROWS, WIDTH)).astype(np.float32)
COUNTS = _random.integers(0, 5, (ROWS, WIDTH)).astype(np.float32)
CLASS = np.arange(ROWS) % LABELS
ONE_HOT = np.eye(LABELS, dtype=np.float32)[CLASS]
EFFECT = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
ERROR = np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32)


def normal(width: int) -> Any:
    return dist.Normal(torch.zeros(width), 1.0).to_event(1)


class VAE(nn.Module):
    """Networks as attributes, `pyro.module` in both, model and guide as methods."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(WIDTH, 4), nn.Linear(2, WIDTH)

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("latent", dist.Normal(x.new_zeros(x.shape[0], 2), 1.0).to_event(1))
            pyro.sample("obs", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            mean, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("latent", dist.Normal(mean, log_scale.exp()).to_event(1))


def vae_of_methods():
    pair = VAE()
    return (pair.model, pair.guide), [(BINARY,)], Trace_ELBO()


def vae_of_a_class():
    return VAE(), [(BINARY,)], TraceMeanField_ELBO()


class ConditionalVAE(nn.Module):
    """A prior that depends on the condition, which both programs take by position."""

    def __init__(self) -> None:
        super().__init__()
        self.prior, self.posterior = nn.Linear(LABELS, 2), nn.Linear(LABELS + WIDTH, 4)
        self.generation = nn.Linear(2, WIDTH)

    def model(self, given, x=None):
        pyro.module("generation_net", self)
        with pyro.plate("data"):
            z = pyro.sample("z", dist.Normal(self.prior(given), 1.0).to_event(1))
            pyro.sample("y", dist.Normal(self.generation(z), 0.5).to_event(1), obs=x)

    def guide(self, given, x=None):
        with pyro.plate("data"):
            mean, log_scale = self.posterior(torch.cat([given, x], -1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))


def conditional_vae():
    pair = ConditionalVAE()
    return (pair.model, pair.guide), [(ONE_HOT, REAL)], Trace_ELBO()


class SemiSupervisedVAE(nn.Module):
    """The label is observed in one batch and a latent in the next."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(WIDTH, LABELS)
        self.encoder, self.decoder = nn.Linear(WIDTH + LABELS, 4), nn.Linear(2 + LABELS, WIDTH)

    def model(self, xs, ys=None):
        pyro.module("ss_vae", self)
        with pyro.plate("data", len(xs)):
            z = pyro.sample("z", dist.Normal(xs.new_zeros(len(xs), 2), 1.0).to_event(1))
            prior = dist.OneHotCategorical(xs.new_ones(len(xs), LABELS) / LABELS)
            ys = pyro.sample("y", prior, obs=ys)
            z, ys = z.expand(*ys.shape[:-1], 2), ys.expand(*ys.shape[:-1], LABELS)
            logits = self.decoder(torch.cat([z, ys], -1))
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=xs)

    def guide(self, xs, ys=None):
        with pyro.plate("data", len(xs)):
            if ys is None:
                ys = pyro.sample("y", dist.OneHotCategorical(logits=self.classifier(xs)))
            both = torch.cat([xs.expand(*ys.shape[:-1], WIDTH), ys], -1)
            mean, log_scale = self.encoder(both).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))


def semi_supervised_enumerated():
    pair = SemiSupervisedVAE()
    guide = config_enumerate(pair.guide, "parallel", expand=True)
    batches = [(BINARY, ONE_HOT), (BINARY,)]
    return (pair.model, guide), batches, TraceEnum_ELBO(max_plate_nesting=1)


def semi_supervised_sampled():
    pair = SemiSupervisedVAE()
    return (pair.model, pair.guide), [(BINARY, ONE_HOT), (BINARY,)], TraceGraph_ELBO()


class Baselines(nn.Module):
    """Discrete latents with baselines, one a network, one an average that decays over steps."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(WIDTH, 2), nn.Linear(2, WIDTH)
        self.baseline = nn.Linear(WIDTH, 1)

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            one = pyro.sample("one", dist.Bernoulli(x.new_full((len(x),), 0.3)))
            two = pyro.sample("two", dist.Bernoulli(x.new_full((len(x),), 0.6)))
            logits = self.decoder(torch.stack([one, two], -1))
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        pyro.module("baseline", self.baseline)
        by_network = {"nn_baseline": lambda x: self.baseline(x)[..., 0], "nn_baseline_input": x}
        by_average = {"use_decaying_avg_baseline": True, "baseline_beta": 0.8}
        with pyro.plate("data", len(x)):
            one, two = self.encoder(x).unbind(-1)
            pyro.sample("one", dist.Bernoulli(logits=one), infer={"baseline": by_network})
            pyro.sample("two", dist.Bernoulli(logits=two), infer={"baseline": by_average})


def baselines():
    pair = Baselines()
    return (pair.model, pair.guide), [(BINARY,)], TraceGraph_ELBO()


class DeepMarkov(nn.Module):
    """`pyro.markov`, an annealed `poutine.scale`, and sequences of unequal length by a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.transition, self.emission = nn.Linear(2, 4), nn.Linear(2, 1)
        self.rnn, self.combiner = nn.GRU(1, 3, batch_first=True), nn.Linear(5, 4)
        self.z_0, self.z_q_0 = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    def model(self, x, mask, annealing=1.0):
        pyro.module("dmm", self)
        z = self.z_0.expand(len(x), 2)
        with pyro.plate("z_minibatch", len(x)):
            for t in pyro.markov(range(1, x.shape[1] + 1)):
                mean, log_scale = self.transition(z).chunk(2, -1)
                on = mask[:, t - 1 : t]
                with poutine.scale(None, annealing):
                    prior = dist.Normal(mean, log_scale.exp()).mask(on).to_event(1)
                    z = pyro.sample(f"z_{t}", prior)
                emission = dist.Bernoulli(logits=self.emission(z)).mask(on).to_event(1)
                pyro.sample(f"obs_x_{t}", emission, obs=x[:, t - 1 : t])

    def guide(self, x, mask, annealing=1.0):
        pyro.module("dmm", self)
        hidden, _ = self.rnn(x[..., None].flip(1))
        z = self.z_q_0.expand(len(x), 2)
        with pyro.plate("z_minibatch", len(x)):
            for t in pyro.markov(range(1, x.shape[1] + 1)):
                both = torch.cat([z, hidden[:, -t]], -1)
                mean, log_scale = self.combiner(both).chunk(2, -1)
                with poutine.scale(None, annealing):
                    on = mask[:, t - 1 : t]
                    proposal = dist.Normal(mean, log_scale.exp()).mask(on).to_event(1)
                    z = pyro.sample(f"z_{t}", proposal)


def deep_markov():
    pair = DeepMarkov()
    mask = np.arange(WIDTH) < np.array([4, 4, 3, 3, 2, 2, 1, 4])[:, None]
    anneal = {"annealing": 0.5}
    programs = functools.partial(pair.model, **anneal), functools.partial(pair.guide, **anneal)
    return programs, [(BINARY, mask.astype(bool))], Trace_ELBO()


TOPICS, VOCABULARY, WORDS = 2, 5, 6
DOCUMENTS = _random.integers(0, VOCABULARY, (WORDS, ROWS))  # a column a document


def amortised_lda():
    """Global topics, an enumerated word topic, a plate that is subsampled inside of the program."""
    predictor = nn.Sequential(nn.Linear(VOCABULARY, 3), nn.Sigmoid(), nn.Linear(3, TOPICS))

    @config_enumerate
    def model(data):
        with pyro.plate("topics", TOPICS):
            weights = pyro.sample("topic_weights", dist.Gamma(1.0 / TOPICS, 1.0))
            words = pyro.sample("topic_words", dist.Dirichlet(torch.ones(VOCABULARY)))
        with pyro.plate("documents", data.shape[1], 4) as rows:
            topics = pyro.sample("doc_topics", dist.Dirichlet(weights))
            with pyro.plate("words", WORDS):
                topic = pyro.sample("word_topics", dist.Categorical(topics))
                pyro.sample("doc_words", dist.Categorical(words[topic]), obs=data[:, rows])

    def guide(data):
        ones = torch.ones(TOPICS)
        weights = pyro.param("posterior", lambda: ones.clone(), constraint=constraints.positive)
        words = pyro.param(
            "words_posterior",
            lambda: torch.ones(TOPICS, VOCABULARY),
            constraint=constraints.greater_than(0.5),
        )
        with pyro.plate("topics", TOPICS):
            pyro.sample("topic_weights", dist.Gamma(weights, 1.0))
            pyro.sample("topic_words", dist.Dirichlet(words))
        pyro.module("predictor", predictor)
        with pyro.plate("documents", data.shape[1], 4) as rows:
            chosen = data[:, rows]
            counts = torch.zeros(VOCABULARY, len(rows)).scatter_add(0, chosen, torch.ones(6, 4))
            topics = predictor(counts.transpose(0, 1)).softmax(-1)
            pyro.sample("doc_topics", dist.Delta(topics, event_dim=1))

    return (model, guide), [(DOCUMENTS,)], TraceEnum_ELBO(max_plate_nesting=2)


class ProdLDA(nn.Module):
    """Batch normalisation and dropout in both networks, counts, and a KL in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(WIDTH, 4), nn.Softplus(), nn.Dropout(0.2), nn.BatchNorm1d(4, affine=False)
        )
        self.decoder = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(2, WIDTH, bias=False), nn.BatchNorm1d(WIDTH, affine=False)
        )

    def model(self, docs):
        pyro.module("decoder", self.decoder)
        with pyro.plate("documents", docs.shape[0]):
            logtheta = pyro.sample(
                "logtheta", dist.Normal(docs.new_zeros(len(docs), 2), 1.0).to_event(1)
            )
            words = self.decoder(logtheta.softmax(-1)).softmax(-1)
            total = int(docs.sum(-1).max())
            pyro.sample("obs", dist.Multinomial(total, words), obs=docs)

    def guide(self, docs):
        pyro.module("encoder", self.encoder)
        with pyro.plate("documents", docs.shape[0]):
            mean, log_variance = self.encoder(docs).chunk(2, -1)
            pyro.sample("logtheta", dist.Normal(mean, (0.5 * log_variance).exp()).to_event(1))


def prod_lda():
    pair = ProdLDA()
    return (pair.model, pair.guide), [(COUNTS,)], TraceMeanField_ELBO()


def sparse_gamma_def():
    """Two layers of Gammas; the guide has parameters for each datum, by position."""

    def model(x):
        with pyro.plate("w_top_plate", 2 * 3):
            top = pyro.sample("w_top", dist.Gamma(0.1, 0.3)).reshape(2, 3)
        with pyro.plate("w_bottom_plate", 3 * WIDTH):
            bottom = pyro.sample("w_bottom", dist.Gamma(0.1, 0.3)).reshape(3, WIDTH)
        with pyro.plate("data", len(x)):
            z_top = pyro.sample("z_top", dist.Gamma(torch.full((2,), 0.1), 0.1).to_event(1))
            rate = 0.1 / (z_top @ top)
            z = pyro.sample("z_bottom", dist.Gamma(0.1, rate).to_event(1))
            pyro.sample("obs", dist.Poisson(z @ bottom).to_event(1), obs=x)

    def positive(name, shape):
        shape_of = pyro.param(f"{name}_shape", lambda: 1 + torch.rand(shape), constraints.positive)
        mean = pyro.param(
            f"{name}_mean", lambda: 1 + torch.rand(shape), dist.constraints.softplus_positive
        )
        return dist.Gamma(shape_of, shape_of / mean)

    def guide(x):
        with pyro.plate("w_top_plate", 6):
            pyro.sample("w_top", positive("w_top", 6))
        with pyro.plate("w_bottom_plate", 3 * WIDTH):
            pyro.sample("w_bottom", positive("w_bottom", 3 * WIDTH))
        with pyro.plate("data", len(x)):
            pyro.sample("z_top", positive("z_top", (len(x), 2)).to_event(1))
            pyro.sample("z_bottom", positive("z_bottom", (len(x), 3)).to_event(1))

    return (model, guide), [(COUNTS,)], TraceMeanField_ELBO()


def mixture():
    """Assignments summed out of the model, a point estimate of the rest."""

    @config_enumerate
    def model(data):
        weights = pyro.sample("weights", dist.Dirichlet(0.5 * torch.ones(2)))
        scale = pyro.sample("scale", dist.LogNormal(0.0, 2.0))
        with pyro.plate("components", 2):
            locs = pyro.sample("locs", dist.Normal(0.0, 10.0))
        with pyro.plate("data", len(data)):
            assignment = pyro.sample("assignment", dist.Categorical(weights))
            pyro.sample("obs", dist.Normal(locs[assignment], scale), obs=data)

    guide = AutoDelta(poutine.block(model, expose=["weights", "locs", "scale"]))
    return (model, guide), [(EFFECT,)], TraceEnum_ELBO(max_plate_nesting=1)


class Regression(PyroModule):
    """Weights that are random by `PyroSample`, a scale that is learnt by `PyroParam`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = PyroModule[nn.Linear](WIDTH, 1)
        self.linear.weight = PyroSample(dist.Normal(0.0, 1.0).expand([1, WIDTH]).to_event(2))
        self.linear.bias = PyroSample(dist.Normal(0.0, 10.0).expand([1]).to_event(1))
        self.scale = PyroParam(torch.tensor(1.0), constraint=constraints.positive)

    def forward(self, x, y=None):
        mean = self.linear(x).squeeze(-1)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("obs", dist.Normal(mean, self.scale), obs=y)
        return mean


def bayesian_regression():
    model = Regression()
    return (model, AutoDiagonalNormal(model)), [(REAL, EFFECT)], Trace_ELBO()


def schools(y, error):
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("J", len(y)):
        theta = pyro.sample("theta", dist.Normal(mu, tau))
        pyro.sample("obs", dist.Normal(theta, error), obs=y)


def eight_schools():
    """A factor of the guide for each school, so that the order of the schools matters."""
    return (schools, AutoNormal(schools)), [(EFFECT, ERROR)], Trace_ELBO()


def eight_schools_not_centred():
    model = poutine.reparam(schools, {"theta": LocScaleReparam(0.0)})
    return (model, AutoMultivariateNormal(model)), [(EFFECT, ERROR)], Trace_ELBO()


def list_of_guides():
    guide = AutoGuideList(schools)
    guide.append(AutoDelta(poutine.block(schools, expose=["mu"])))
    guide.append(AutoNormal(poutine.block(schools, hide=["mu"])))
    return (schools, guide), [(EFFECT, ERROR)], Trace_ELBO()


class Schools:
    """An object whose guide is made from its model."""

    def __init__(self) -> None:
        self.guide = AutoNormal(self.model)

    def model(self, y, error):
        schools(y, error)


def autoguide_of_a_class():
    return Schools(), [(EFFECT, ERROR)], Trace_ELBO()


class Easy(EasyGuide):
    def guide(self, y, error):
        group = self.group(match="mu|tau")
        loc = pyro.param("group_loc", lambda: torch.zeros(group.event_shape))
        group.sample("group", dist.Normal(loc, 1.0).to_event(1))
        with self.plate("J", len(y)):
            self.map_estimate("theta")


def easy_guide():
    return (schools, Easy(schools)), [(EFFECT, ERROR)], Trace_ELBO()


def subsampled_inside():
    """All the data are passed, and the plate takes some of them."""

    def model(x):
        slope = pyro.param("slope", lambda: torch.randn(WIDTH))
        with pyro.plate("data", len(x), subsample_size=3) as rows:
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z[..., None] * slope, 1.0).to_event(1), obs=x[rows])

    def guide(x):
        slope = pyro.param("guide_slope", torch.zeros(WIDTH))
        with pyro.plate("data", len(x), subsample_size=3) as rows:
            pyro.sample("z", dist.Normal(x[rows] @ slope, 1.0))

    return (model, guide), [(REAL,)], Trace_ELBO()


def own_loss():
    """A loss that is a function, as in the tutorial on custom objectives."""
    pair = VAE()

    def simple_elbo(model, guide, *args, **kwargs):
        guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
        model_trace = poutine.trace(poutine.replay(model, guide_trace)).get_trace(*args, **kwargs)
        return guide_trace.log_prob_sum() - model_trace.log_prob_sum()

    return (pair.model, pair.guide), [(BINARY,)], simple_elbo


STYLES: tuple[Any, ...] = (
    vae_of_methods,
    vae_of_a_class,
    conditional_vae,
    semi_supervised_enumerated,
    semi_supervised_sampled,
    baselines,
    deep_markov,
    amortised_lda,
    prod_lda,
    sparse_gamma_def,
    mixture,
    bayesian_regression,
    eight_schools,
    eight_schools_not_centred,
    list_of_guides,
    autoguide_of_a_class,
    easy_guide,
    subsampled_inside,
    own_loss,
)
