"""VQ-VAE: latents from a learnt codebook, NumPyro (van den Oord et al. 2017, arXiv:1711.00937)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_network, check_not_negative, check_seed, check_size
from ppl_models.networks.latent_variables.codebook_numpyro import Codes, nearest, straight_through
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood
from ppl_models.networks.observations.training_term_numpyro import training_term
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VQVAE"]


class VQVAE(ArrayPair):
    """The pair of `vqvae.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        positions: int = 16,
        codes: int = 32,
        code_dim: int = 4,
        commitment: float = 0.25,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        levels: int = 256,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.positions, self.codes = check_size("positions", positions), check_size("codes", codes)
        self.code_dim = check_size("code_dim", code_dim)
        self.commitment = check_not_negative("commitment", commitment)
        hidden = check_network(hidden, activation)
        random = nnx.Rngs(check_seed(seed))
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale, levels)
        inside = positions * code_dim
        self.encoder = MLP([data_dim, *hidden, inside], activation, random)
        up = [inside, *reversed(hidden), self.likelihood.outputs]
        self.decoder = MLP(up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        start = np.random.default_rng(seed).normal(size=(codes, code_dim))
        self.initial = {"codebook": start.astype(np.float32)}

    def _chosen(self, x: jax.Array, codebook: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the encoder gives, and the codes nearest to it; (N, positions, code_dim) each."""
        output = nnx_module("encoder", self.encoder)(x)
        place = output.reshape(*output.shape[:-1], self.positions, self.code_dim)
        return place, codebook[nearest(codebook, place)]

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        decoder, codebook = nnx_module("decoder", self.decoder), self._param("codebook")
        with numpyro.plate("data", size if x is None else len(x)):
            z = jnp.asarray(numpyro.sample("z", Codes(codebook, self.positions)))
            fn = self.likelihood(decoder(z.reshape(*z.shape[:-2], -1)))
            numpyro.sample("x", fn, obs=x)
            if x is not None:
                place, code = self._chosen(x, codebook)
                moved = (jax.lax.stop_gradient(place) - code) ** 2
                kept = self.commitment * (place - jax.lax.stop_gradient(code)) ** 2
                training_term("codebook_term", -(moved + kept).sum((-2, -1)))
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N, positions, code_dim): the nearest codes."""
        place, code = self._chosen(x, self._param("codebook"))
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Delta(straight_through(code, place), event_dim=2))
