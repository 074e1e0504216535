"""DRAW, a deep recurrent attentive writer, NumPyro (Gregor et al. 2015, arXiv:1502.04623)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax import lax
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_flag, check_seed, check_size
from ppl_models.networks.chains.sequential_numpyro import Carry, Sequential
from ppl_models.networks.image_arguments import check_windows
from ppl_models.networks.images.canvas_numpyro import Painter, Reader, State
from ppl_models.networks.mlp_numpyro import linear
from ppl_models.networks.recurrence.recurrent_numpyro import Initial
from ppl_models.networks.start_values import output_bias

__all__ = ["DRAW"]


class DRAW(Pair):
    """The pair of `draw.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 10,
        hidden: int = 256,
        steps: int = 10,
        attention: bool = False,
        read_size: int = 2,
        write_size: int = 5,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.hidden = check_size("hidden", hidden)
        self.steps = check_size("steps", steps)
        self.attention = check_flag("attention", attention)
        read, write = check_windows(data_dim, read_size, write_size, attention=attention)
        random = nnx.Rngs(check_seed(seed))
        self.canvas = Initial(jnp.asarray(output_bias(data_mean, data_dim, "bernoulli")))
        self.painter = Painter(data_dim, latent_dim, hidden, write, random)
        self.reader = Reader(data_dim, latent_dim, hidden, read, random)
        self.glance = None if attention else linear(data_dim, 4 * hidden, random, bias=False)

    def _blank(self) -> State:
        canvas = nnx_module("canvas", self.canvas)()
        still = jnp.zeros(self.hidden)
        return still, still, canvas

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        painter = nnx_module("painter", self.painter)
        with numpyro.plate("data", size if x is None else len(x)):
            drawn = self._blank()
            prior = jnp.zeros((self.steps, self.latent_dim))
            z = numpyro.sample("z", dist.Normal(prior, 1.0).to_event(2))
            (_, _, canvas), _ = _paint(painter, drawn, z, lambda canvas: None)
            numpyro.sample("x", dist.Bernoulli(logits=canvas).to_event(1), obs=x)
        return nnx.sigmoid(canvas)

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N, steps, latent_dim), stroke by stroke."""
        painter, reader = nnx_module("painter", self.painter), nnx_module("reader", self.reader)
        glance = None
        if self.glance is not None:
            glance = nnx_module("glance", self.glance)(x)

        def propose(carry: Carry, _: None) -> tuple[jax.Array, jax.Array, Carry]:
            h, c, *drawn = carry
            mean, log_scale, h, c = reader(x, glance, h, c, drawn)
            return mean, jnp.exp(log_scale), (h, c, *drawn)

        def advance(carry: Carry, z: jax.Array) -> Carry:
            h, c, *drawn = carry
            return (h, c, *painter(z, drawn))

        with numpyro.plate("data", len(x)):
            drawn = self._blank()
            carry = (*drawn[:2], *drawn)
            shape = (self.steps, self.latent_dim)
            numpyro.sample("z", Sequential(propose, advance, carry, shape, x.shape[:-1]))

    def canvases(self, z: jax.Array) -> jax.Array:
        """What is on the canvas after each step, as means of x: (..., steps, data_dim)."""
        painter = nnx_module("painter", self.painter)
        _, canvases = _paint(painter, self._blank(), z, nnx.sigmoid)
        return jnp.moveaxis(canvases, 0, -2)


def _paint(
    painter: Callable[..., Any], drawn: State, z: Any, keep: Callable[[jax.Array], Any]
) -> tuple[Any, Any]:
    """The decoder's state after all strokes, and what to keep of each canvas, (steps, ...)."""

    def stroke(drawn: State, step: jax.Array) -> tuple[State, Any]:
        drawn = painter(step, drawn)
        return drawn, keep(drawn[-1])

    start = tuple(jnp.broadcast_to(part, (*z.shape[:-2], len(part))) for part in drawn)
    return lax.scan(stroke, start, jnp.moveaxis(z, -2, 0))
