# type: ignore  # as users write them
"""Globals beside locals, minibatches of a plate, and plates that cross."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.distributions import constraints
from numpyro.infer import Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from numpyro.infer.autoguide import AutoNormal
from numpyro.infer.reparam import LocScaleReparam

from numpyro_corpus.registry import program

_random = np.random.default_rng(5)
VALUES = (1 + _random.normal(size=40)).astype(np.float32)
USER = np.repeat(np.arange(6), 7)[:40]
ITEM = np.tile(np.arange(7), 6)[:40]
RATING = (0.5 * VALUES + (USER % 2) * (ITEM % 3)).astype(np.float32)
RIGHT = (_random.random((12, 5)) < 0.6).astype(np.int32)


@program(
    "the smallest loop of all: a mean, its guide's two numbers, a batch of the data at a time",
    loss=Trace_ELBO,
    batches=lambda: [(VALUES[:20],), (VALUES[20:],)],
    mistake="the plate is of the minibatch's size beside a global latent",
    whole=lambda: (VALUES,),
)
def mean_in_minibatches(*, wrong=False):
    def model(data):
        loc = numpyro.sample("loc", dist.Normal(0, 10))
        size = {} if wrong else {"subsample_size": len(data)}
        with numpyro.plate("data", len(data) if wrong else len(VALUES), **size):
            numpyro.sample("obs", dist.Normal(loc, 1), obs=data)

    def guide(data):
        loc = numpyro.param("guide_loc", 0.0)
        scale = numpyro.param("guide_scale", 0.5, constraint=constraints.positive)
        numpyro.sample("loc", dist.Normal(loc, scale))

    return model, guide


@program(
    "matrix factorisation: users and items in plates of their own, ratings by index",
    loss=TraceMeanField_ELBO,
    batches=lambda: [(USER, ITEM, RATING)],
    mistake="the guide's table of items has the users' number of rows",
)
def matrix_factorisation(*, wrong=False):
    def model(user, item, rating=None):
        with numpyro.plate("users", 6):
            u = numpyro.sample("u", dist.Normal(0, 1).expand([3]).to_event(1))
        with numpyro.plate("items", 7):
            v = numpyro.sample("v", dist.Normal(0, 1).expand([3]).to_event(1))
        with numpyro.plate("ratings", len(user)):
            mean = (u[user] * v[item]).sum(-1)
            numpyro.sample("rating", dist.Normal(mean, 0.5), obs=rating)

    def guide(user, item, rating=None):
        def table(name, rows):
            start = jnp.linspace(-1, 1, rows * 3).reshape(rows, 3)
            loc = numpyro.param(f"{name}_loc", start)
            scale = numpyro.param(
                f"{name}_scale", 0.1 * jnp.ones((rows, 3)), constraint=constraints.positive
            )
            return dist.Normal(loc, scale).to_event(1)

        with numpyro.plate("users", 6):
            numpyro.sample("u", table("u", 6))
        with numpyro.plate("items", 7):
            numpyro.sample("v", table("v", 6 if wrong else 7))

    return model, guide


@program(
    "answers of pupils to questions: two plates that cross, ability and difficulty",
    loss=TraceGraph_ELBO,
    batches=lambda: [(RIGHT,)],
    mistake="pupils and questions are each other's dimension in the guide",
)
def item_response(*, wrong=False):
    def plates(right):
        pupils = numpyro.plate("pupils", right.shape[0], dim=-2)
        questions = numpyro.plate("questions", right.shape[1], dim=-1)
        return pupils, questions

    def model(right):
        pupils, questions = plates(right)
        with pupils:
            ability = numpyro.sample("ability", dist.Normal(0, 1))
        with questions:
            difficulty = numpyro.sample("difficulty", dist.Normal(0, 1))
        with pupils, questions:
            logits = ability - difficulty
            numpyro.sample("right", dist.Bernoulli(logits=logits), obs=right)

    def guide(right):
        n, m = right.shape
        pupils, questions = plates(right.T if wrong else right)
        if wrong:
            pupils, questions = questions, pupils
        shapes = ((n,), (m, 1)) if wrong else ((n, 1), (m,))
        ability = numpyro.param("ability_loc", jnp.zeros(shapes[0]))
        difficulty = numpyro.param("difficulty_loc", jnp.zeros(shapes[1]))
        scale = numpyro.param("scale", 0.5, constraint=constraints.positive)
        with pupils:
            numpyro.sample("ability", dist.Normal(ability, scale))
        with questions:
            numpyro.sample("difficulty", dist.Normal(difficulty, scale))

    return model, guide


@program(
    "schools with the location and scale taken out of the prior by a handler, theta deterministic",
    loss=Trace_ELBO,
    batches=lambda: [(np.repeat(VALUES[:8], 1), np.linspace(0.5, 2, 8, dtype=np.float32))],
    mistake="the guide is made from the model without the handler",
)
def schools_not_centred(*, wrong=False):
    def centred(y, error):
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        log_tau = numpyro.sample("log_tau", dist.Normal(0, 1))
        with numpyro.plate("J", len(y)):
            theta = numpyro.sample("theta", dist.Normal(mu, jnp.exp(log_tau)))
            numpyro.sample("obs", dist.Normal(theta, error), obs=y)
        numpyro.deterministic("largest", theta.max())

    model = handlers.reparam(centred, config={"theta": LocScaleReparam(0)})
    return model, AutoNormal(centred if wrong else model)
