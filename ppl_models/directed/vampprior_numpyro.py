"""Variational auto-encoder with a learnt mixture for a prior, NumPyro (Tomczak & Welling 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax import Array
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_choice, check_network, check_seed, check_size
from ppl_models.networks.latent_variables.latents_numpyro import normal
from ppl_models.networks.latent_variables.pseudo_inputs import (
    check_examples,
    mixture_means,
    pseudo_inputs,
)
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VampPrior"]


class VampPrior(ArrayPair):
    """The pair of `vampprior.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 50,
        hidden: Sequence[int] = (200, 200),
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        levels: int = 256,
        prior: str = "vampprior",
        components: int = 500,
        examples: ArrayLike | None = None,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.components = check_size("components", components)
        self.kind = check_choice("prior", prior, ("vampprior", "mixture", "normal"))
        check_examples(self.kind, examples)
        hidden = check_network(hidden, activation)
        random = nnx.Rngs(check_seed(seed))
        self.likelihood = Likelihood(
            likelihood, data_dim, noise_scale, levels, network_variance=True
        )
        down = [data_dim, *hidden, 2 * latent_dim]
        up = [latent_dim, *reversed(hidden), self.likelihood.outputs]
        self.encoder = MLP(down, activation, random)
        self.decoder = MLP(up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        self.initial = {}
        if self.kind == "vampprior":
            start = pseudo_inputs((components, data_dim), examples, data_mean, likelihood, seed)
            self.initial["pseudo_inputs"] = jnp.asarray(start)
        if self.kind == "mixture":
            start = mixture_means((components, latent_dim), seed)
            self.initial["means"] = jnp.asarray(start)
            self.initial["log_scales"] = jnp.zeros((components, latent_dim))

    def prior(self) -> dist.Distribution:
        """p(z), event (latent_dim,)."""
        if self.kind == "normal":
            return dist.Normal(jnp.zeros(self.latent_dim), 1.0).to_event(1)
        if self.kind == "mixture":
            parts = dist.Normal(self._param("means"), jnp.exp(self._param("log_scales"))).to_event(
                1
            )
        else:
            binary = self.likelihood.kind == "bernoulli"
            pseudo = self._param("pseudo_inputs")
            encoder = nnx_module("encoder", self.encoder)
            parts = normal(encoder(nnx.sigmoid(pseudo) if binary else pseudo))
        equal = jnp.zeros(self.components)
        return dist.MixtureSameFamily(dist.Categorical(logits=equal), parts)

    def model(self, x: Array | None = None, *, size: int = 1) -> Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        decoder = nnx_module("decoder", self.decoder)
        with numpyro.plate("data", size if x is None else len(x)):
            z = numpyro.sample("z", self.prior())
            fn = self.likelihood(decoder(z))
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: Array) -> None:
        """Propose z, shape (N, latent_dim)."""
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", normal(encoder(x)))
