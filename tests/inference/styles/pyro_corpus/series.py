# type: ignore  # as users write them
"""Time series by loops, by conditioning, and by enumerated Markov chains."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal, AutoNormal
from pyro.ops.indexing import Vindex
from torch.distributions import constraints

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(4)
SERIES = torch.randn(12, generator=_random).cumsum(0) * 0.3


@program(
    "a local level whose states are drawn in a loop, and no plate",
    loss=Trace_ELBO,
    batches=lambda: [(SERIES,)],
    mistake="the guide's loop begins a step too late",
)
def local_level(*, wrong=False):
    def model(y):
        drift = pyro.sample("drift", dist.LogNormal(-1.0, 0.5))
        level = torch.tensor(0.0)
        for t in pyro.markov(range(len(y))):
            level = pyro.sample(f"level_{t}", dist.Normal(level, drift))
            pyro.sample(f"y_{t}", dist.Normal(level, 0.2), obs=y[t])

    def guide(y):
        loc = pyro.param("loc", torch.zeros(len(y)))
        scale = pyro.param("scale", torch.full((len(y),), 0.2), constraint=constraints.positive)
        pyro.sample("drift", dist.LogNormal(pyro.param("drift_loc", torch.tensor(-1.0)), 0.2))
        for t in pyro.markov(range(int(wrong), len(y))):
            pyro.sample(f"level_{t}", dist.Normal(loc[t], scale[t]))

    return model, guide


@program(
    "a program that draws a series is conditioned on one, and takes its length alone",
    loss=Trace_ELBO,
    batches=lambda: [(len(SERIES),)],
    mistake="the guide is made from the program before it is conditioned",
)
def conditioned_series(*, wrong=False):
    def simulate(length):
        phi = pyro.sample("phi", dist.Normal(0.5, 0.5))
        sigma = pyro.sample("sigma", dist.HalfNormal(1.0))
        y = torch.tensor(0.0)
        for t in range(length):
            y = pyro.sample(f"y_{t}", dist.Normal(phi * y, sigma))
        return y

    model = pyro.condition(simulate, data={f"y_{t}": y for t, y in enumerate(SERIES)})
    return model, AutoMultivariateNormal(simulate if wrong else model, init_scale=0.3)


# Four steps: a pass for each of the 3^4 sequences of states is what a step of `Enumerated` takes.
NOTES = (torch.rand(20, 5, 3, generator=_random) < 0.4).float()[:, :4]
LENGTHS = torch.randint(2, 6, (20,), generator=_random).clamp(max=4)


@program(
    "a hidden Markov model of padded sequences, its states summed out",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=2),
    batches=lambda: [(NOTES[:10], LENGTHS[:10], 3), (NOTES[10:], LENGTHS[10:], 3)],
    mistake="the plate of the sequences has the size of the sequences' length",
)
def hidden_markov(*, wrong=False):
    def model(notes, lengths, states):
        moves = pyro.sample("moves", dist.Dirichlet(0.9 * torch.eye(states) + 0.1).to_event(1))
        play = pyro.sample("play", dist.Beta(1.0, 3.0).expand([states, 3]).to_event(2))
        tones = pyro.plate("tones", 3, dim=-1)
        rows = {} if wrong else {"subsample_size": len(notes)}
        with pyro.plate("sequences", notes.shape[1] if wrong else len(NOTES), dim=-2, **rows):
            state = 0
            for t in pyro.markov(range(notes.shape[1])):
                with poutine.mask(mask=(t < lengths)[:, None]):
                    state = pyro.sample(
                        f"state_{t}",
                        dist.Categorical(moves[state]),
                        infer={"enumerate": "parallel"},
                    )
                    with tones as tone:
                        on = Vindex(play)[state, tone]
                        pyro.sample(f"note_{t}", dist.Bernoulli(on), obs=notes[:, t])

    guide = AutoNormal(poutine.block(model, expose=["moves", "play"]), init_scale=0.02)
    return model, guide
