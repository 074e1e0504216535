"""Restricted Boltzmann machine, NumPyro (Smolensky 1986; Hinton 2002)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpyro
from numpy.typing import ArrayLike

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_choice, check_count, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_arguments import VISIBLE, check_normaliser, rbm_start
from ppl_models.networks.energies.energy_law_numpyro import means_like
from ppl_models.networks.energies.restricted_machine_numpyro import RestrictedBoltzmann
from ppl_models.undirected._stackable import Stackable

__all__ = ["RBM"]


class RBM(Stackable, ArrayPair):
    """The pair of `rbm.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dim: int = 500,
        visible: str = "bernoulli",
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dim = check_size("hidden_dim", hidden_dim)
        self.visible = check_choice("visible", visible, VISIBLE)
        self.burn_in, binary = check_count("burn_in", burn_in), visible == "bernoulli"
        self.centre = Centre(data_mean, subtracted=centred, unknown=0.5 if binary else 0.0)
        self.exact = check_normaliser(normaliser, hidden_dim, data_dim if binary else None)
        self.initial = rbm_start(data_dim, hidden_dim, visible, data_mean, seed)

    def law(self) -> RestrictedBoltzmann:
        """The distribution of a row."""
        weight, visible = self._param("weight"), self._param("visible_bias")
        hidden, precision, offset = self._param("hidden_bias"), None, 0.0
        means = means_like(self.centre.means, weight)
        if self.visible != "bernoulli":
            precision = jnp.ones_like(visible)
            if self.visible == "gaussian-variance":
                precision = jnp.exp(-2 * self._param("log_scale"))
            offset = -0.5 * (precision * visible**2).sum()
            weight, visible = precision[:, None] * weight, precision * visible
        visible, hidden = self.centre.plain(weight, visible, hidden, means)
        return RestrictedBoltzmann(
            weight,
            visible,
            hidden,
            precision=precision,
            offset=offset,
            normalised=self.exact,
            burn_in=self.burn_in,
            means=means,
        )

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows by chains.

        Returns the mean of x given the hidden units' chances at it.
        """
        law = self.law()
        with numpyro.plate("data", size if x is None else len(x)):
            value = numpyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: jax.Array) -> None:
        """Propose nothing: there is no latent."""
