"""Variational auto-encoder, NumPyro (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_network, check_seed, check_size
from ppl_models.networks.latent_variables.flows_numpyro import Flow
from ppl_models.networks.latent_variables.latent_structure import latent_sizes
from ppl_models.networks.latent_variables.latents_numpyro import latents, side_by_side
from ppl_models.networks.latent_variables.refinement_numpyro import refined
from ppl_models.networks.latent_variables.refinement_points import check_refine, sign_points
from ppl_models.networks.mlp_numpyro import mlp_or_given
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VAE"]


class VAE(Pair):
    """The pair of `vae.py` on NumPyro."""

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
        latent: str = "gaussian",
        categorical_dim: int = 20,
        classes: int = 10,
        levels: int = 256,
        flow: str = "none",
        flow_length: int = 4,
        flow_hidden: int = 200,
        encoder: nnx.Module | None = None,
        decoder: nnx.Module | None = None,
        refine: int = 0,
        refine_rate: float = 0.5,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        codes = check_size("categorical_dim", categorical_dim), check_size("classes", classes)
        inputs, outputs = latent_sizes(latent, latent_dim, codes, flow, flow_length)
        random = nnx.Rngs(check_seed(seed))
        self.likelihood = Likelihood(
            likelihood, data_dim, noise_scale, levels, network_variance=True
        )
        down = [data_dim, *hidden, outputs]
        up = [inputs, *reversed(hidden), self.likelihood.outputs]
        self.encoder = mlp_or_given("encoder", encoder, down, activation, random)
        self.decoder = mlp_or_given("decoder", decoder, up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        # The flow's weights are drawn last, so that the other networks start as without one.
        width = check_size("flow_hidden", flow_hidden)
        self.flow = Flow(flow, flow_length, latent_dim, width, random)
        self.latents = latents(latent, self.flow, codes)
        self.refine, self.refine_rate = refine, refine_rate
        if check_refine(refine, refine_rate, latent=latent, flow=flow, decoder=decoder):
            self.points = sign_points(latent_dim)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        decoder = nnx_module("decoder", self.decoder)
        with numpyro.plate("data", size if x is None else len(x)):
            z = [part.vector(numpyro.sample(part.site, part.prior())) for part in self.latents]
            fn = self.likelihood(decoder(side_by_side(z)))
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N, latent_dim), and c, shape (N, categorical_dim, classes)."""
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", len(x)):
            ends = np.cumsum([part.outputs for part in self.latents])[:-1]
            whole = encoder(x)
            if self.refine:
                decoder = nnx_module("decoder", self.decoder)
                steps = self.points, self.refine, self.refine_rate
                whole = refined(whole, lambda z: self.likelihood(decoder(z)), x, *steps)
            for part, output in zip(self.latents, jnp.split(whole, ends, -1), strict=True):
                numpyro.sample(part.site, part.proposal(output))
