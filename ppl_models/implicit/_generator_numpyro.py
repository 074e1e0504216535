"""What the generators share: noise, an observation of the generated point, a guide; NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from flax import nnx
from jax.core import Tracer
from numpy.typing import NDArray
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import PRIORS, check_choice, check_output, check_size
from ppl_models.networks.condition import OptionalClasses
from ppl_models.networks.latents_numpyro import noise, noise_proposal, side_by_side
from ppl_models.networks.likelihoods_numpyro import Likelihood


class Generator(Pair):
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
        self.optional = OptionalClasses(classes)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; the mean g.

        Where there are classes, y has shape (N,), and `size` need not be given.
        """
        rows, given = self.optional.rows(x, y, size), self._given(y)
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
        rows, given = self.optional.rows(x, y, None), self._given(y)
        encoder = nnx_module("encoder", self.encoder)
        with numpyro.plate("data", rows):
            numpyro.sample("z", noise_proposal(self.prior, encoder(side_by_side([x, *given]))))

    def check_batch(self, *arrays: Any) -> None:
        """Refuse classes that are missing, that are not the pair's, or that it does not take."""
        self.optional.check(arrays)

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data, and a class where there are classes."""
        return (*super().example(), *self.optional.example())

    def _given(self, y: jax.Array | None) -> list[jax.Array]:
        """What stands beside an input: the class as one-hot, or nothing."""
        if y is None:
            return []
        if not isinstance(y, Tracer):
            self.optional.check_values(np.asarray(y))
        return [nnx.one_hot(jnp.asarray(y), self.optional.classes)]
