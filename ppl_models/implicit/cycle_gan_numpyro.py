"""Two domains and a map each way, NumPyro (Zhu, Park, Isola & Efros 2017, arXiv:1703.10593)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_network, check_positive, check_seed, check_size
from ppl_models.networks.mlp_numpyro import mlp_or_given

__all__ = ["CycleGAN"]


class CycleGAN(Pair):
    """The pair of `cycle_gan.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        other_dim: int = 784,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        noise_scale: float = 0.05,
        seed: int = 0,
        to_y: nnx.Module | None = None,
        to_x: nnx.Module | None = None,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.other_dim = check_size("other_dim", other_dim)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        hidden = check_network(hidden, activation)
        random = nnx.Rngs(check_seed(seed))
        there, back = [data_dim, *hidden, other_dim], [other_dim, *reversed(hidden), data_dim]
        self.to_y = mlp_or_given("to_y", to_y, there, activation, random)
        self.to_x = mlp_or_given("to_x", to_x, back, activation, random)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns to_x(y)."""
        to_x = nnx_module("to_x", self.to_x)
        with numpyro.plate("data", size if x is None else len(x)):
            y = numpyro.sample("y", dist.Normal(jnp.zeros(self.other_dim), 1.0).to_event(1))
            output = to_x(y)
            numpyro.sample("x", dist.Laplace(output, self.noise_scale).to_event(1), obs=x)
        return output

    def guide(self, x: jax.Array) -> None:
        """Propose y, shape (N, other_dim)."""
        to_y = nnx_module("to_y", self.to_y)
        with numpyro.plate("data", len(x)):
            numpyro.sample("y", dist.Laplace(to_y(x), self.noise_scale).to_event(1))
