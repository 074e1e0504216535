"""Generative stochastic network, NumPyro (Bengio et al. 2014)."""

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

from ppl_models.networks.arguments import check_not_negative, check_seed, check_size, check_sizes
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.chains.odd_even_numpyro import OddEven
from ppl_models.networks.start_values import start_at_mean
from ppl_models.undirected._chain_numpyro import ChainPair, Reconstruction

__all__ = ["GSN"]


class GSN(ChainPair):
    """The pair of `gsn.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dims: Sequence[int] = (1000, 1000),
        sweeps: int = 2,
        noise_scale: float = 1.0,
        likelihood: str = "bernoulli",
        corruption: float = 0.4,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        hidden = check_sizes("hidden_dims", hidden_dims)
        if not hidden:
            raise ValueError("hidden_dims must name one layer or more, got none.")
        check_not_negative("noise_scale", noise_scale)
        self.chain = Chain.checked(likelihood, corruption, burn_in, data_mean, data_dim)
        self.sweeps, self.noise_dim = check_size("sweeps", sweeps), sum(hidden)
        self.noise_shape = (sweeps, 2, self.noise_dim)
        rngs = nnx.Rngs(check_seed(seed))
        self.network = OddEven([data_dim, *hidden], sweeps, noise_scale, rngs)
        start_at_mean(self.network, data_mean, data_dim, likelihood)
        if not self.chain.binary:
            self.initial = {"log_scales": np.zeros(data_dim, np.float32)}

    def reconstruction(self) -> Reconstruction:
        """From a corrupted copy and the layers' noise to the law of x, event (data_dim,)."""
        network: Any = nnx_module("network", self.network)
        scales = None
        if not self.chain.binary:
            start = jnp.asarray(self.initial["log_scales"])
            scales = jnp.exp(jnp.asarray(numpyro.param("log_scales", start)))

        def law(c: jax.Array, noise: jax.Array | None) -> Any:
            output = network(c, noise)
            if scales is None:
                return dist.BernoulliLogits(output).to_event(1)
            return dist.Normal(output, scales).to_event(1)

        return law
