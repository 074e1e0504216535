"""Deep Boltzmann machine of two hidden layers, NumPyro (Salakhutdinov & Hinton 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpy.typing import ArrayLike

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_count, check_flag, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.deep_machine_numpyro import DeepBoltzmann
from ppl_models.networks.energies.energy_arguments import (
    check_hidden_dims,
    check_normaliser,
    dbm_start,
)
from ppl_models.networks.energies.energy_law_numpyro import means_like

__all__ = ["DBM"]


class DBM(ArrayPair):
    """The pair of `dbm.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dims: Sequence[int] = (500, 1000),
        sweeps: int = 10,
        unroll: bool = False,
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dims = check_hidden_dims(hidden_dims, most=2)
        self.sweeps, self.unroll = check_size("sweeps", sweeps), check_flag("unroll", unroll)
        self.centre = Centre(data_mean, subtracted=centred)
        self.burn_in = check_count("burn_in", burn_in)
        middle, top = self.hidden_dims
        self.exact = check_normaliser(normaliser, data_dim + top, middle)
        self.initial = dbm_start(data_dim, self.hidden_dims, data_mean, seed)

    def law(self) -> DeepBoltzmann:
        """The distribution of h1."""
        below, above = self._param("weight_1"), self._param("weight_2")
        b, c_1, c_2 = map(self._param, ("data_bias", "bias_1", "bias_2"))
        means = means_like(self.centre.means, b)
        b, c_1 = self.centre.plain(below, b, c_1, means)
        c_1, c_2 = self.centre.plain(above, c_1, c_2, None)
        ends = None if means is None else jnp.concatenate([means, jnp.full_like(c_2, 0.5)])
        return DeepBoltzmann(
            jnp.concatenate([below.T, above], 1),
            c_1,
            jnp.concatenate([b, c_2]),
            data_units=self.data_dim,
            normalised=self.exact,
            burn_in=self.burn_in,
            hidden_means=ends,
        )

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the mean of x given h1."""
        law = self.law()
        with numpyro.plate("data", size if x is None else len(x)):
            h = numpyro.sample("h1", law)
            likelihood = dist.Bernoulli(logits=law.data_inputs(h)).to_event(1)
            numpyro.sample("x", likelihood, obs=x)
        return likelihood.mean

    def guide(self, x: jax.Array) -> None:
        """Propose h1 by mean field."""
        logits = self.law().mean_field(x, self.sweeps)
        logits = logits if self.unroll else lax.stop_gradient(logits)
        with numpyro.plate("data", len(x)):
            numpyro.sample("h1", dist.Bernoulli(logits=logits).to_event(1))
