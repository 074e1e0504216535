"""A bare NumPyro pair whose networks are stax's, as in NumPyro's own VAE example."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import stax

WIDTH = 6


def encoder():
    return stax.serial(stax.Dense(3), stax.Tanh, stax.FanOut(2), stax.parallel(
        stax.Dense(2), stax.serial(stax.Dense(2), stax.Exp)
    ))  # fmt: skip


def model(x):
    decode = numpyro.module(
        "decoder", stax.serial(stax.Dense(3), stax.Tanh, stax.Dense(WIDTH)), (4, 2)
    )
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
        numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)


def guide(x):
    encode = numpyro.module("encoder", encoder(), (4, WIDTH))
    mean, scale = encode(x)
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(mean, scale).to_event(1))
