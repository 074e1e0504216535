"""Variational auto-encoder, NumPyro (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_positive,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.output_bias import output_bias

__all__ = ["VAE"]


class VAE(Pair):
    """A Gaussian latent decoded by a network, inferred by another.

    Story, for each datum n:

        z_n ~ Normal(0, I)                                   (latent_dim,)
        x_n ~ Bernoulli(logits = decoder(z_n))               (data_dim,)
           or Normal(decoder(z_n), noise_scale)
        guide: z_n ~ Normal(m(x_n), exp(s(x_n))), (m, s) = encoder(x_n)

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"` or `"silu"`.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood.
        data_mean: mean of the training data, shape (data_dim,). When given, the decoder starts
            with a bias that reproduces it, which is worth about half a nat on MNIST.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range.
    """

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 50,
        hidden: Sequence[int] = (200, 200),
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("activation", activation, ACTIVATIONS)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.noise_scale = check_positive("noise_scale", noise_scale)
        random = nnx.Rngs(check_seed(seed))
        self.encoder = MLP([data_dim, *hidden, 2 * latent_dim], activation, random)
        self.decoder = MLP([latent_dim, *reversed(hidden), data_dim], activation, random)
        if data_mean is not None:
            self.decoder.set_output_bias(output_bias(data_mean, data_dim, likelihood))

    def _likelihood(self, output: jax.Array) -> dist.Distribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.noise_scale).to_event(1)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        decoder = nnx_module("decoder", self.decoder)
        with numpyro.plate("data", size if x is None else len(x)):
            prior = jnp.zeros(self.latent_dim)
            z = numpyro.sample("z", dist.Normal(prior, 1.0).to_event(1))
            output = decoder(z)
            numpyro.sample("x", self._likelihood(output), obs=x)
        return nnx.sigmoid(output) if self.likelihood == "bernoulli" else output

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N, latent_dim), from a diagonal Gaussian."""
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", len(x)):
            mean, log_scale = jnp.split(encoder(x), 2, axis=-1)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))
