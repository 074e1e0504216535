"""General Boltzmann machine of few units, NumPyro (Ackley, Hinton & Sejnowski 1985)."""

from __future__ import annotations

import jax
import numpy as np
import numpyro
from numpy.typing import ArrayLike

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import as_numbers, check_count, check_size
from ppl_models.networks.energies.boltzmann_numpyro import Boltzmann
from ppl_models.networks.energies.energy_arguments import check_lateral, lateral_start
from ppl_models.networks.energies.energy_law_numpyro import means_like

__all__ = ["BoltzmannMachine"]


class BoltzmannMachine(ArrayPair):
    """The pair of `boltzmann_machine.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 10,
        hidden_dim: int = 5,
        normaliser: str = "exact",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim, self.hidden_dim = check_size("data_dim", data_dim), hidden_dim
        self.exact = check_lateral(normaliser, data_dim, hidden_dim)
        self.burn_in = check_count("burn_in", burn_in)
        self.initial = lateral_start(data_dim, hidden_dim, data_mean, seed)
        self.means = None if data_mean is None else as_numbers("data_mean", data_mean, np.float32)

    def law(self) -> Boltzmann:
        """The distribution of a row."""
        weight = self._param("weight")
        return Boltzmann(
            weight,
            self._param("visible_bias"),
            self._param("hidden_bias"),
            self._param("visible_weight"),
            self._param("hidden_weight"),
            normalised=self.exact,
            burn_in=self.burn_in,
            means=means_like(self.means, weight),
        )

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows by chains.

        Returns the chance of each unit given all others.
        """
        law = self.law()
        with numpyro.plate("data", size if x is None else len(x)):
            value = numpyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: jax.Array) -> None:
        """Propose nothing: there is no latent."""
