"""Deep latent Gaussian model, NumPyro (Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike

from ppl_models.directed._ladder_numpyro import LadderPair, registered
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_ladder,
    check_latent_dims,
    check_levels,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.latent_structure import layer_sizes
from ppl_models.networks.latent_variables.latents_numpyro import full_noise, normal
from ppl_models.networks.mlp_numpyro import MLP, Rung
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["DLGM"]


class DLGM(LadderPair):
    """The pair of `dlgm.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dims: Sequence[int] = (100, 50),
        hidden: Sequence[Sequence[int]] = ((200, 200), (100, 100)),
        activation: str = "tanh",
        noise: str = "diagonal",
        guide: str = "bottom-up",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dims = check_latent_dims(latent_dims)
        levels = check_levels("hidden", hidden, len(self.latent_dims))
        check_choice("activation", activation, ACTIVATIONS)
        full, self.ladder = check_ladder(noise, guide)
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        random = nnx.Rngs(check_seed(seed))
        self.encoders: list[MLP] = []
        self.decoders: list[MLP] = []
        of_noise = self.latent_dims[:-1] if full else ()
        self.noise = [jnp.zeros((size, size)) for size in of_noise]
        sizes = layer_sizes(data_dim, self.latent_dims, levels, mean_only=full, ladder=self.ladder)
        for up, down in sizes:
            self.encoders.append((Rung if self.ladder else MLP)(up, activation, random))
            self.decoders.append(MLP(down, activation, random))
        start_at_mean(self.decoders[0], data_mean, data_dim, likelihood)

    def _layer(self, level: int, output: jax.Array) -> dist.Distribution:
        """p(z_level | z_level+1), given the decoder's output at z_level+1."""
        if self.noise:
            free = jnp.asarray(numpyro.param(f"noise.{level - 1}", self.noise[level - 1]))
            return full_noise(output, free)
        return normal(output)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        decoders = registered("decoders", self.decoders)
        with numpyro.plate("data", size if x is None else len(x)):
            top = len(self.latent_dims)
            prior = jnp.zeros(self.latent_dims[-1])
            z = numpyro.sample(f"z{top}", dist.Normal(prior, 1.0).to_event(1))
            for level in reversed(range(1, top)):
                z = numpyro.sample(f"z{level}", self._layer(level, decoders[level](z)))
            fn = self.likelihood(decoders[0](z))
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array) -> None:
        """Propose z1, z2, ..., shapes (N, latent_dims[l]), from diagonal Gaussians."""
        encoders = registered("encoders", self.encoders)
        with numpyro.plate("data", len(x)):
            if self.ladder:
                self._descend(x, encoders)
                return
            z = x
            for level, encoder in enumerate(encoders, start=1):
                z = numpyro.sample(f"z{level}", normal(encoder(z)))
