"""Energy network over real vectors, NumPyro (Teh et al. 2003; LeCun et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import (
    check_count,
    check_network,
    check_positive,
    check_seed,
    check_size,
)
from ppl_models.networks.energies.langevin_numpyro import LangevinEnergy
from ppl_models.networks.mlp_numpyro import mlp_or_given
from ppl_models.networks.start_values import output_bias

__all__ = ["EnergyNetwork"]


class EnergyNetwork(Pair):
    """The pair of `energy_network.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 2,
        hidden: Sequence[int] = (100, 100),
        activation: str = "silu",
        energy: nnx.Module | None = None,
        base_scale: float = 2.0,
        step_size: float = 0.2,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        sizes = [data_dim, *check_network(hidden, activation), 1]
        rngs = nnx.Rngs(check_seed(seed))
        self.energy = mlp_or_given("energy", energy, sizes, activation, rngs)
        if energy is None:  # of its own last layer the bias would be a part of the constant
            last = self.energy.layers[-1]
            last.use_bias, last.bias = False, nnx.data(None)
        self.base_scale = check_positive("base_scale", base_scale)
        self.step_size = check_positive("step_size", step_size)
        self.burn_in = check_count("burn_in", burn_in)
        self.middle = output_bias(data_mean, data_dim, "gaussian")

    def law(self) -> LangevinEnergy:
        """The distribution of a row."""
        return LangevinEnergy(
            nnx_module("energy", self.energy),
            jnp.asarray(self.middle),
            self.base_scale,
            step_size=self.step_size,
            burn_in=self.burn_in,
        )

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows by chains; returns x.

        Its mean is known from chains alone.
        """
        law = self.law()
        with numpyro.plate("data", size if x is None else len(x)):
            return jnp.asarray(numpyro.sample("x", law, obs=x))

    def guide(self, x: jax.Array) -> None:
        """Propose nothing: there is no latent."""
