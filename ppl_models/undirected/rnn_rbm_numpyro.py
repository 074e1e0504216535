"""RNN-RBM of sequences, NumPyro (Boulanger-Lewandowski, Bengio & Vincent 2012)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._sequence_pair_numpyro import SequencePair
from ppl_models.networks.arguments import check_choice, check_count, check_seed, check_size
from ppl_models.networks.energies.energy_arguments import check_normaliser
from ppl_models.networks.recurrence.recurrent_machine_numpyro import (
    RecurrentMachine,
    RecurrentMachineLaw,
)
from ppl_models.networks.sequences import CELLS
from ppl_models.networks.start_values import start_at_mean

__all__ = ["RNNRBM"]


class RNNRBM(SequencePair):
    """The pair of `rnn_rbm.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 88,
        length: int = 160,
        state_dim: int = 100,
        hidden_dim: int = 150,
        cell: str = "gru",
        normaliser: str = "none",
        burn_in: int = 20,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        check_size("state_dim", state_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("cell", cell, CELLS)
        self.exact = check_normaliser(normaliser, hidden_dim, None)
        self.burn_in = check_count("burn_in", burn_in)
        random = nnx.Rngs(check_seed(seed))
        self.network = RecurrentMachine(data_dim, state_dim, hidden_dim, cell, random)
        start_at_mean(self.network, data_mean, data_dim, "bernoulli")

    def model(
        self, x: jax.Array | None = None, lengths: jax.Array | None = None, *, size: int = 1
    ) -> jax.Array:
        """Score x, shape (N, length, data_dim), or draw `size` by chains, step after step.

        Returns the mean of each step given the hidden units' chances at it.
        """
        network = nnx_module("network", self.network)()
        inside, rows = self._inside(x, lengths), size if x is None else len(x)
        law = RecurrentMachineLaw(
            network,
            self.length,
            (rows,),
            inside=inside,
            given=x,
            normalised=self.exact,
            burn_in=self.burn_in,
        )
        with numpyro.plate("data", rows):
            value = numpyro.sample("x", law, obs=x)
        return law.reconstruct(jnp.asarray(value))

    def guide(self, x: jax.Array, lengths: jax.Array | None = None) -> None:
        """Nothing: the hidden units are summed out."""
