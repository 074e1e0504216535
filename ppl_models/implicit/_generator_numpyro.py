"""What the generators share: noise, an observation of the generated point, a guide; NumPyro."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpyro.contrib.module import nnx_module

from ppl_models._batches import Conditioned
from ppl_models.networks.arguments import PRIORS, check_choice, check_output, check_size
from ppl_models.networks.latent_variables.latents_numpyro import noise, noise_proposal, side_by_side
from ppl_models.networks.observations.condition import OptionalClasses
from ppl_models.networks.observations.labels_numpyro import condition_input
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood


class Generator(Conditioned):
    """The base of `_generator.py` on NumPyro."""

    engine = "numpyro"

    encoder: nnx.Module
    decoder: nnx.Module

    def __init__(
        self,
        *,
        data_dim: int,
        latent_dim: int,
        prior: str,
        likelihood: str,
        noise_scale: float,
        output: str | None,
        classes: int,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.prior = check_choice("prior", prior, PRIORS)
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.output = check_output(output, likelihood)
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        self.condition = OptionalClasses(classes)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; the mean g.

        Where there are classes, y has shape (N,), and `size` need not be given.
        """
        rows, given = self.condition.rows(x, y, size), self._given(y)
        decoder = nnx_module("decoder", self.decoder)
        with numpyro.plate("data", rows):
            z = jnp.asarray(numpyro.sample("z", noise(self.prior, self.latent_dim)))
            output = decoder(side_by_side([z, *given]))
            if self.output == "sigmoid" and self.likelihood.kind == "gaussian":
                output = nnx.sigmoid(output)
            fn = self.likelihood(output)
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose z, shape (N, latent_dim)."""
        rows, given = self.condition.rows(x, y, None), self._given(y)
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", rows):
            numpyro.sample("z", noise_proposal(self.prior, encoder(side_by_side([x, *given]))))

    def _given(self, y: jax.Array | None) -> list[jax.Array]:
        """What stands beside an input: the class as one-hot, or nothing."""
        return [] if y is None else [condition_input(y, self.condition.classes)]
