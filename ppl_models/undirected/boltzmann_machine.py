"""General Boltzmann machine of few units, Pyro (Ackley, Hinton & Sejnowski 1985)."""

from __future__ import annotations

import numpy as np
import pyro
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import as_numbers, check_count, check_size
from ppl_models.networks.energies.boltzmann import Boltzmann
from ppl_models.networks.energies.energy_arguments import check_lateral, lateral_start
from ppl_models.networks.energies.energy_law import means_like

__all__ = ["BoltzmannMachine"]


class BoltzmannMachine(PyroPair):
    """Binary units, visible x and hidden h, each connected with every other.

    The hidden units are summed out state by state, so there are few of them:

        p(x, h) = exp(b . x + c . h + x' W h + sum_{i<j} L_ij x_i x_j + sum_{i<j} M_ij h_i h_j) / Z
        x_n ~ p(x) = sum_h p(x, h)                                  (data_dim,)
        guide: nothing, as h is no latent of the program

    A step of its chains draws h given x, and then one unit of x after another given h and all
    others. With `normaliser="exact"`, as it is usually, Z is a sum over the states of all units,
    and ELBO() is exact maximum likelihood, what Boltzmann learning estimates with two sets of
    chains. `CD`, `PseudoLikelihood` and `NCE` learn it either way. Without hidden units it is the
    fully visible machine, or Ising model.

    Args:
        data_dim: visible units, columns of x, which must be in {0, 1}.
        hidden_dim: hidden units, 12 at most; 0 for none.
        normaliser: `"exact"`, for at most 20 units in all, or `"none"`.
        burn_in: steps of the chains whose ends `model(None, size=...)` draws.
        data_mean: mean of the training data, shape (data_dim,). When given, b starts at its logit
            and chains begin there.
        seed: seed of the initial weights.
    """

    weight: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor
    visible_weight: Tensor
    hidden_weight: Tensor

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
        super().__init__()
        self.data_dim, self.hidden_dim = check_size("data_dim", data_dim), hidden_dim
        self.exact = check_lateral(normaliser, data_dim, hidden_dim)
        self.burn_in = check_count("burn_in", burn_in)
        self.add_parameters(lateral_start(data_dim, hidden_dim, data_mean, seed))
        self.means = None if data_mean is None else as_numbers("data_mean", data_mean, np.float32)

    def law(self) -> Boltzmann:
        """The distribution of a row."""
        return Boltzmann(
            self.weight,
            self.visible_bias,
            self.hidden_bias,
            self.visible_weight,
            self.hidden_weight,
            normalised=self.exact,
            burn_in=self.burn_in,
            means=means_like(self.means, self.weight),
        )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows by chains.

        Returns the chance of each unit given all others.
        """
        self.register()
        law = self.law()
        with pyro.plate("data", size if x is None else len(x)):
            value = pyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: Tensor) -> None:
        """Propose nothing: there is no latent."""
