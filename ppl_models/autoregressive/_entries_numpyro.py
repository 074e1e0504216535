"""What models of binary entries share: one site, and no latents; NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.autoregression.autoregressive_numpyro import Autoregressive
from ppl_models.networks.start_values import output_bias


class EntriesPair(Pair):
    """The base of `_entries.py` on NumPyro."""

    engine = "numpyro"
    network: Any

    def law(self, network: Any, rows: int) -> Autoregressive:
        """The law of x by a network with its parameters, for so many rows."""
        raise NotImplementedError

    def _start_at(self, data_mean: ArrayLike | None) -> None:
        if data_mean is not None:
            bias = output_bias(data_mean, self.data_dim, "bernoulli")
            self.network.set_output_bias(bias)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; each entry's mean given those before.

        That mean depends on the draw, and is no datum.
        """
        network = nnx_module("network", self.network)()
        rows = size if x is None else len(x)
        with numpyro.plate("data", rows):
            law = self.law(network, rows)
            value = numpyro.sample("x", law, obs=x)
        return law.mean_given(jnp.asarray(value))

    def guide(self, x: jax.Array) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x)."""
