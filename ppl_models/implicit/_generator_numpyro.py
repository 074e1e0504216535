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
from ppl_models.networks.arguments import check_choice, check_output, check_size
from ppl_models.networks.joined_numpyro import joined
from ppl_models.networks.likelihoods_numpyro import Likelihood
from ppl_models.networks.noise_numpyro import PRIORS, prior, proposal
from ppl_models.networks.optional_classes import OptionalClasses


class Generator(Pair):
    """Noise z through `decoder` to a point of data space; `encoder` proposes the noise behind x.

    A pair of this base makes the two networks: the encoder from x, the class beside it as one-hot,
    to 2 latent_dim numbers, and the decoder from z and the class to data_dim numbers.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        prior: `"normal"` or `"uniform"`.
        likelihood: `"bernoulli"` or `"gaussian"`.
        noise_scale: standard deviation of the Gaussian likelihood.
        output: how the decoder's output becomes the mean, None for what goes with the likelihood.
        classes: number of classes; 0 for a pair that takes x alone.

    Raises:
        ValueError: if an argument is out of range.
    """

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
            z = jnp.asarray(numpyro.sample("z", prior(self.prior, self.latent_dim)))
            output = decoder(joined([z, *given]))
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
            numpyro.sample("z", proposal(self.prior, encoder(joined([x, *given]))))

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
