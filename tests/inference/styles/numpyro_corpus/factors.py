# type: ignore  # as users write them
"""Parts of programs that another module puts together."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints


class Factors:
    """A linear decoder; how many latents there are is said at every call."""

    def model(self, x, latents):
        weight = numpyro.param("weight", 0.1 * jnp.ones((latents, x.shape[-1])))
        with numpyro.plate("rows", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([latents]).to_event(1))
            numpyro.sample("x", dist.Normal(z @ weight, 0.5).to_event(1), obs=x)

    def guide(self, x, latents, *, wrong=False):
        slope = numpyro.param("slope", 0.1 * jnp.ones((x.shape[-1], latents)))
        spread = numpyro.param("spread", jnp.ones(latents), constraint=constraints.positive)
        posterior = dist.Normal(x @ slope, spread)
        with numpyro.plate("rows", len(x)):
            numpyro.sample("z", posterior if wrong else posterior.to_event(1))


def regression(prior, scale, x, y):
    weight = prior()
    with numpyro.plate("rows", len(x)):
        numpyro.sample("y", dist.Normal(x @ weight, scale), obs=y)


def normal(width, loc, scale):
    return numpyro.sample("weight", dist.Normal(loc, scale).expand([width]).to_event(1))


def mean_field(draw, x, y):
    loc = numpyro.param("loc", 0.0)
    scale = numpyro.param("scale", 0.3, constraint=constraints.positive)
    draw(loc=loc, scale=scale)
