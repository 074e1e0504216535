# type: ignore  # as users write them
"""Discrete latents: summed out, under baselines, and those on which the program branches."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import TraceEnum_ELBO, TraceGraph_ELBO, config_enumerate
from pyro.infer.autoguide import AutoDiagonalNormal, AutoNormal
from torch import nn
from torch.distributions import constraints

from pyro_corpus.registry import program

_random = torch.Generator().manual_seed(9)
X = torch.linspace(-1, 1, 30)
Y = torch.where(torch.arange(30) % 2 == 0, X, -X) + 0.1 * torch.randn(30, generator=_random)


@program(
    "a mixture of regressions whose assignments are summed out, with two arrays",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=1),
    batches=lambda: [(X, Y)],
    mistake="a plate is as long as the components beside the one of the rows",
)
def mixture_of_regressions(*, wrong=False):
    @config_enumerate
    def model(x, y):
        weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
        noise = pyro.sample("noise", dist.LogNormal(-1.0, 0.5))
        with pyro.plate("components", 2):
            slope = pyro.sample("slope", dist.Normal(torch.tensor([-0.5, 0.5]), 1.0))
        with pyro.plate("rows", 2 if wrong else len(x)):
            which = pyro.sample("which", dist.Categorical(weights))
            pyro.sample("y", dist.Normal(slope[which] * x, noise), obs=y)

    return model, AutoNormal(poutine.block(model, hide=["which"]))


@program(
    "a switch of the whole data that the guide sums over one value at a time",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=1),
    batches=lambda: [(X[:15], Y[:15]), (X[15:], Y[15:])],
    mistake="the guide's switch has three values and the model's two",
)
def sequential_enumeration(*, wrong=False):
    def model(x, y):
        bend = pyro.sample("bend", dist.Bernoulli(0.5))
        with pyro.plate("data", 30, subsample_size=len(x)):
            level = pyro.sample("level", dist.Normal(0.0, 0.5))
            mean = level + (x**2 if bend.item() else x)
            pyro.sample("y", dist.Normal(mean, 0.5), obs=y)

    def guide(x, y):
        logits = pyro.param("logits", torch.zeros(3) if wrong else torch.tensor(0.0))
        family = dist.Categorical if wrong else dist.Bernoulli
        pyro.sample("bend", family(logits=logits), infer={"enumerate": "sequential"})
        slope = pyro.param("slope", torch.tensor(0.5))
        with pyro.plate("data", 30, subsample_size=len(x)):
            pyro.sample("level", dist.Normal(slope * y, 0.4))

    return model, guide


LABELS = torch.randint(3, (4, 20), generator=_random)
SEEN = torch.rand(4, 20, generator=_random) < 0.8


@program(
    "items that several people label with errors of their own, some labels missing",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=2),
    batches=lambda: [(LABELS, SEEN, 3)],
    mistake="there are fewer classes than labels",
)
def annotators(*, wrong=False):
    def model(labels, seen, classes):
        classes = classes - wrong
        share = pyro.sample("share", dist.Dirichlet(torch.ones(classes)))
        people = pyro.plate("people", labels.shape[0], dim=-2)
        with people, pyro.plate("truths", classes, dim=-1):
            says = pyro.sample("says", dist.Dirichlet(1 + 3 * torch.eye(classes)))
        with pyro.plate("items", labels.shape[1], dim=-1):
            truth = pyro.sample("truth", dist.Categorical(share), infer={"enumerate": "parallel"})
            with people as person, poutine.mask(mask=seen):
                said = says[person[:, None], truth]
                pyro.sample("label", dist.Categorical(said), obs=labels)

    return model, AutoDiagonalNormal(poutine.block(model, hide=["truth"]), init_scale=0.05)


DOCUMENTS = [torch.randint(6, (n,), generator=_random) for n in (7, 4, 9, 5, 6)]


@program(
    "topics of documents of unequal lengths, which a sequential plate goes through",
    loss=lambda: TraceEnum_ELBO(max_plate_nesting=1),
    batches=lambda: [(DOCUMENTS,)],
    mistake="the topics have two words more than the guide's",
)
def topics_of_a_list_of_documents(*, wrong=False):
    def model(documents):
        with pyro.plate("topics", 2):
            words = pyro.sample("words", dist.Dirichlet(torch.ones(6 + 2 * wrong)))
        for d in pyro.plate("documents", len(documents)):
            shares = pyro.sample(f"shares_{d}", dist.Dirichlet(torch.ones(2)))
            with pyro.plate(f"words_{d}", len(documents[d])):
                topic = pyro.sample(
                    f"topic_{d}", dist.Categorical(shares), infer={"enumerate": "parallel"}
                )
                pyro.sample(f"word_{d}", dist.Categorical(words[topic]), obs=documents[d])

    def guide(documents):
        simplex = constraints.simplex
        with pyro.plate("topics", 2):
            words = pyro.param(
                "words_at", torch.eye(2, 6) / 2 + torch.full((2, 6), 1 / 12), simplex
            )
            pyro.sample("words", dist.Delta(words, event_dim=1))
        for d in pyro.plate("documents", len(documents)):
            shares = pyro.param(f"shares_at_{d}", torch.full((2,), 0.5), simplex)
            pyro.sample(f"shares_{d}", dist.Delta(shares, event_dim=1))

    return model, guide


BITS = (torch.rand(24, 6, generator=_random) < 0.4).float()


@program(
    "two layers of binary units with baselines: a network that is trained before, and an average",
    loss=TraceGraph_ELBO,
    batches=lambda: [(BITS[:12],), (BITS[12:],)],
    mistake="the guide gives a network's outputs as probabilities",
)
def belief_net_with_baselines(*, wrong=False):
    down, out = nn.Linear(2, 3), nn.Linear(3, 6)
    up, top, baseline = nn.Linear(6, 3), nn.Linear(3, 2), nn.Linear(6, 1)
    baseline.requires_grad_(False)  # it has been trained

    def model(x):
        pyro.module("down", down)
        pyro.module("out", out)
        with pyro.plate("rows", len(x)):
            h2 = pyro.sample("h2", dist.Bernoulli(torch.full((len(x), 2), 0.5)).to_event(1))
            h1 = pyro.sample("h1", dist.Bernoulli(logits=down(h2)).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=out(h1)).to_event(1), obs=x)

    def guide(x):
        pyro.module("up", up)
        pyro.module("top", top)
        with torch.no_grad():
            level = baseline(x).squeeze(-1)
        by_value = {"baseline": {"baseline_value": level}}
        by_average = {"baseline": {"use_decaying_avg_baseline": True, "baseline_beta": 0.9}}
        with pyro.plate("rows", len(x)):
            units = dist.Bernoulli(**{"probs" if wrong else "logits": up(x)}).to_event(1)
            h1 = pyro.sample("h1", units, infer=by_value)
            pyro.sample("h2", dist.Bernoulli(logits=top(h1)).to_event(1), infer=by_average)

    return model, guide


SCENE = torch.tensor([0.1, 0.9, 1.1, 0.2, 0.0, 1.0, 0.8, 0.1])


@program(
    "a scene to which objects are added until a draw says stop",
    loss=TraceGraph_ELBO,
    batches=lambda: [(SCENE,), (SCENE.flip(0),)],
    mistake="the guide draws an object's place even where there is no more object",
)
def objects_until_a_draw_says_stop(*, wrong=False):
    recognise = nn.Linear(8, 8)

    def model(scene):
        mean, places = torch.zeros(8), torch.arange(8.0)
        for step in range(3):
            more = pyro.sample(f"more_{step}", dist.Bernoulli(0.6))
            if not more.item():
                break
            where = pyro.sample(f"where_{step}", dist.Normal(3.5, 2.0))
            mean = mean + (-((places - where) ** 2)).exp()
        with pyro.plate("pixels", 8):
            pyro.sample("scene", dist.Normal(mean, 0.3), obs=scene)

    def guide(scene):
        pyro.module("recognise", recognise)
        values = recognise(scene)
        width = pyro.param("width", torch.tensor(0.5), constraint=constraints.positive)
        average = {"baseline": {"use_decaying_avg_baseline": True}}
        for step in range(3):
            odds = dist.Bernoulli(logits=values[step])
            more = pyro.sample(f"more_{step}", odds, infer=average)
            if wrong or more.item():
                pyro.sample(f"where_{step}", dist.Normal(3.5 + values[step + 4], width))
            if not more.item():
                break

    return model, guide
