"""Recurrent network of sequences, NumPyro (mixture densities: Schuster 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._sequence_pair_numpyro import SequencePair
from ppl_models.networks.arguments import check_choice, check_seed, check_size, check_sizes
from ppl_models.networks.recurrence.recurrent_law_numpyro import RecurrentLaw, RecurrentNetwork
from ppl_models.networks.recurrence.recurrent_mixture_numpyro import (
    RecurrentMixture,
    RecurrentMixtureLaw,
)
from ppl_models.networks.sequences import CELLS, FRAMES
from ppl_models.networks.start_values import start_at_mean

__all__ = ["Recurrent"]


class Recurrent(SequencePair):
    """The pair of `recurrent.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 88,
        length: int = 160,
        hidden_dim: int = 200,
        cell: str = "gru",
        hidden: Sequence[int] = (),
        likelihood: str = "bernoulli",
        components: int = 5,
        networks: int = 1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        check_size("hidden_dim", hidden_dim)
        check_choice("cell", cell, CELLS)
        check_choice("likelihood", likelihood, FRAMES)
        check_size("components", components)
        check_size("networks", networks)
        sizes = check_sizes("hidden", hidden)
        random = nnx.Rngs(check_seed(seed))
        settings = data_dim, hidden_dim, cell, sizes, likelihood, components, random
        each = [RecurrentNetwork(*settings) for _ in range(networks)]
        self.network = each[0] if networks == 1 else RecurrentMixture(each)
        if data_mean is not None:
            check_choice("likelihood, with data_mean,", likelihood, ("bernoulli",))
            for network in each:
                start_at_mean(network.output, data_mean, data_dim, likelihood)

    def model(
        self, x: jax.Array | None = None, lengths: jax.Array | None = None, *, size: int = 1
    ) -> jax.Array:
        """Score x, shape (N, length, data_dim), or draw `size`; each step's mean given the past.

        That mean depends on the draw, and is no datum.
        """
        network = nnx_module("network", self.network)()
        inside = self._inside(x, lengths)
        rows = size if x is None else len(x)
        with numpyro.plate("data", rows):
            mixed = isinstance(network, RecurrentMixture)
            kind: Any = RecurrentMixtureLaw if mixed else RecurrentLaw
            law = kind(network, self.length, (rows,), inside=inside)
            value = numpyro.sample("x", law, obs=x)
        return law.mean_given(jnp.asarray(value))

    def guide(self, x: jax.Array, lengths: jax.Array | None = None) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x)."""
