"""Denoising auto-encoder as the chain that it defines, NumPyro (Vincent et al. 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models.networks.arguments import check_network, check_seed, check_size
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.start_values import start_at_mean
from ppl_models.undirected._chain_numpyro import ChainPair, Reconstruction

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(ChainPair):
    """The pair of `denoising_autoencoder.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden: Sequence[int] = (1000,),
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        corruption: float = 0.4,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.chain = Chain.checked(likelihood, corruption, burn_in, data_mean, data_dim)
        sizes = [data_dim, *check_network(hidden, activation), data_dim]
        self.network = MLP(sizes, activation, nnx.Rngs(check_seed(seed)))
        start_at_mean(self.network, data_mean, data_dim, likelihood)
        if not self.chain.binary:
            self.initial = {"log_scales": np.zeros(data_dim, np.float32)}

    def reconstruction(self) -> Reconstruction:
        """From a corrupted copy to the law of x, event (data_dim,)."""
        network: Any = nnx_module("network", self.network)
        scales = None
        if not self.chain.binary:
            start = jnp.asarray(self.initial["log_scales"])
            scales = jnp.exp(jnp.asarray(numpyro.param("log_scales", start)))

        def law(c: jax.Array, noise: jax.Array | None) -> Any:
            del noise
            if scales is None:
                return dist.BernoulliLogits(network(c)).to_event(1)
            return dist.Normal(network(c), scales).to_event(1)

        return law
