# type: ignore  # as users write them
"""Programs whose arguments are not all arrays with a row for each datum."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from torch import nn
from torch.distributions import constraints
from torch.nn.utils.rnn import pack_padded_sequence

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(2)
X = torch.linspace(-1, 1, 30)
Y = torch.sin(2 * X) + 0.1 * torch.randn(30, generator=_random)


@program(
    "whole numbers, floats and None beside the data, as in a tutorial's polynomials",
    loss=Trace_ELBO,
    batches=lambda: [(X, Y, 2, 0.2, None)],
    mistake="the guide's weights are positive where the model's are real",
)
def numbers_and_none(*, wrong=False):
    def model(x, y, degree, noise, weights=None):
        powers = x[:, None] ** torch.arange(degree + 1)
        w = pyro.sample("w", dist.Normal(torch.zeros(degree + 1), 1.0).to_event(1))
        with pyro.plate("rows", len(x)), poutine.scale(scale=1.0 if weights is None else weights):
            pyro.sample("y", dist.Normal(powers @ w, noise), obs=y)

    def guide(x, y, degree, noise, weights=None):
        family = dist.LogNormal if wrong else dist.Normal
        loc = pyro.param("loc", torch.zeros(degree + 1))
        scale = pyro.param("scale", torch.full((degree + 1,), noise), constraints.positive)
        pyro.sample("w", family(loc, scale).to_event(1))

    return model, guide


COUNTS = torch.poisson((0.5 + X).exp(), generator=_random)


@program(
    "the likelihood is chosen by a string, as in a package of generalised linear models",
    loss=Trace_ELBO,
    batches=lambda: [("poisson", X, COUNTS)],
    mistake="a positive latent is guided by a Normal",
)
def chosen_by_a_string(*, wrong=False):
    families = {
        "poisson": lambda response, tau: dist.GammaPoisson(1 / tau, 1 / tau / response.exp()),
        "normal": dist.Normal,
    }

    def model(family, x, y=None):
        weight = pyro.sample("weight", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        tau = pyro.sample("tau", dist.HalfNormal(1.0))
        with pyro.plate("rows", len(x)):
            response = weight[0] + weight[1] * x
            pyro.sample("y", families[family](response, tau), obs=y)

    def guide(family, x, y=None):
        positive = {"constraint": constraints.positive}
        loc = pyro.param("loc", torch.zeros(2))
        scale = pyro.param("scale", torch.full((2,), 0.2), **positive)
        pyro.sample("weight", dist.Normal(loc, scale).to_event(1))
        tau = pyro.param("tau_loc", torch.tensor(-1.0)), pyro.param("tau_scale", torch.tensor(0.2))
        pyro.sample("tau", (dist.Normal if wrong else dist.LogNormal)(*tau))

    return model, guide


GROUP = torch.arange(6).repeat_interleave(5)
SCORE = GROUP * 0.4 + torch.randn(30, generator=_random)


@program(
    "all data in one dictionary, arrays and sizes together, as in a translation from Stan",
    loss=TraceMeanField_ELBO,
    batches=lambda: [({"J": 6, "group": GROUP, "y": SCORE},)],
    mistake="the guide has no site for the deviation between groups",
)
def dictionary_of_data(*, wrong=False):
    def model(data):
        mean = pyro.sample("mean", dist.Normal(0.0, 5.0))
        spread = pyro.sample("spread", dist.LogNormal(0.0, 0.5))
        with pyro.plate("J", data["J"]):
            effect = pyro.sample("effect", dist.Normal(mean, spread))
        with pyro.plate("N", len(data["y"])):
            pyro.sample("y", dist.Normal(effect[data["group"]], 1.0), obs=data["y"])

    def guide(data):
        positive = {"constraint": constraints.positive}
        loc = pyro.param("loc", torch.zeros(2))
        pyro.sample("mean", dist.Normal(loc[0], 0.3))
        if not wrong:
            pyro.sample("spread", dist.LogNormal(loc[1], 0.3))
        with pyro.plate("J", data["J"]):
            means = pyro.param("means", torch.zeros(data["J"]))
            scales = pyro.param("scales", torch.full((data["J"],), 0.4), **positive)
            pyro.sample("effect", dist.Normal(means, scales))

    return model, guide


LENGTHS = torch.tensor([6, 6, 5, 5, 5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1])
SERIES = torch.randn(20, 1, generator=_random) + 0.3 * torch.randn(20, 6, generator=_random)
LABEL = (SERIES[:, 0] > 0).float()


@program(
    "sequences as a PackedSequence, which a recurrent guide reads, as in a sentiment model",
    loss=Trace_ELBO,
    batches=lambda: [
        (pack_padded_sequence(SERIES[rows, :, None], LENGTHS[rows], batch_first=True), LABEL[rows])
        for rows in (slice(0, 20, 2), slice(1, 20, 2))
    ],
    mistake="the guide's scale is the network's output as it is, which may be negative",
)
def packed_sequences(*, wrong=False):
    encoder, head, decoder = nn.GRU(1, 4), nn.Linear(4, 4), nn.Linear(2, 1)

    def model(packed, label):
        pyro.module("decoder", decoder)
        with pyro.plate("sequences", int(packed.batch_sizes[0])):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("label", dist.Bernoulli(logits=decoder(z)[..., 0]), obs=label)

    def guide(packed, label):
        pyro.module("encoder", encoder)
        pyro.module("head", head)
        _, hidden = encoder(packed)
        mean, scale = head(hidden[-1]).chunk(2, -1)
        with pyro.plate("sequences", int(packed.batch_sizes[0])):
            posterior = dist.Normal(mean, scale if wrong else nn.functional.softplus(scale))
            pyro.sample("z", posterior.to_event(1))

    return model, guide


CLINICS = [row[:length] for row, length in zip(SERIES, LENGTHS, strict=True)][:8]


@program(
    "measurements of each group as a list of tensors of unequal lengths",
    loss=Trace_ELBO,
    batches=lambda: [(CLINICS,)],
    mistake="the guide stops one group short",
)
def list_of_groups(*, wrong=False):
    def model(groups):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        for number, measured in enumerate(groups):
            effect = pyro.sample(f"effect_{number}", dist.Normal(mean, 1.0))
            with pyro.plate(f"measured_{number}", len(measured)):
                pyro.sample(f"y_{number}", dist.Normal(effect, 0.3), obs=measured)

    def guide(groups):
        pyro.sample("mean", dist.Normal(pyro.param("mean_loc", torch.tensor(0.0)), 0.3))
        for number in range(len(groups) - wrong):
            loc = pyro.param(f"loc_{number}", torch.tensor(0.0))
            scale = pyro.param(f"scale_{number}", torch.tensor(0.3), constraints.positive)
            pyro.sample(f"effect_{number}", dist.Normal(loc, scale))

    return model, guide


@program(
    "padded rows with their lengths, from which the program makes its mask",
    loss=Trace_ELBO,
    batches=lambda: [(SERIES, LENGTHS)],
    mistake="the guide takes its two arguments in the other order",
)
def padded_rows_with_lengths(*, wrong=False):
    def model(x, lengths):
        on = torch.arange(x.shape[1]) < lengths[:, None]
        drift = pyro.param("drift", torch.tensor(0.0))
        with pyro.plate("series", len(x)):
            level = pyro.sample("level", dist.Normal(0.0, 1.0))
            mean = level[..., None] + drift * torch.arange(x.shape[1])
            pyro.sample("x", dist.Normal(mean, 0.3).mask(on).to_event(1), obs=x)

    def guide(x, lengths):
        on = torch.arange(x.shape[1]) < lengths[:, None]
        slope = pyro.param("slope", torch.tensor(0.5))
        scale = pyro.param("scale", torch.tensor(0.5), constraint=constraints.positive)
        with pyro.plate("series", len(x)):
            pyro.sample("level", dist.Normal(slope * (x * on).sum(-1) / lengths, scale))

    return model, (lambda lengths, x: guide(x, lengths)) if wrong else guide


TUNES = (torch.rand(20, 4, 3, generator=_random) < 0.4).float()


@program(
    "a deep Markov model whose annealing factor and mask come by keyword and change with the batch",
    loss=Trace_ELBO,
    batches=lambda: [
        {"x": TUNES[:10], "on": (LENGTHS[:10, None] > torch.arange(4)), "annealing": 0.2},
        {"x": TUNES[10:], "on": (LENGTHS[10:, None] > torch.arange(4)), "annealing": 0.7},
    ],
    mistake="the guide numbers its latents from 0 and the model from 1",
)
def annealed_by_keyword(*, wrong=False):
    net = nn.ModuleDict(
        {
            "transition": nn.Linear(2, 4),
            "emission": nn.Linear(2, 3),
            "rnn": nn.RNN(3, 3, batch_first=True),
            "combiner": nn.Linear(5, 4),
        }
    )

    def step(values, z, name, on, annealing):
        mean, log_scale = values.chunk(2, -1)
        with poutine.scale(scale=annealing):
            normal = dist.Normal(mean, log_scale.exp()).mask(on).to_event(1)
            return pyro.sample(name, normal)

    def model(x, on, annealing=1.0):
        pyro.module("dmm", net)
        z = x.new_zeros(len(x), 2)
        with pyro.plate("tunes", len(x)):
            for t in pyro.markov(range(x.shape[1])):
                seen = on[:, t, None]
                z = step(net["transition"](z), z, f"z_{t + 1}", seen, annealing)
                notes = dist.Bernoulli(logits=net["emission"](z)).mask(seen).to_event(1)
                pyro.sample(f"x_{t + 1}", notes, obs=x[:, t])

    def guide(x, on, annealing=1.0):
        pyro.module("dmm", net)
        hidden, _ = net["rnn"](x.flip(1))
        z = x.new_zeros(len(x), 2)
        with pyro.plate("tunes", len(x)):
            for t in pyro.markov(range(x.shape[1])):
                values = net["combiner"](torch.cat([z, hidden[:, -t - 1]], -1))
                z = step(values, z, f"z_{t + (not wrong)}", on[:, t, None], annealing)

    return model, guide
