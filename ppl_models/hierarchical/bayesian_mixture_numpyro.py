"""Bayesian mixture of Gaussians, NumPyro (Attias 1999; Bishop 2006, section 10.2)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import lax
from jax.scipy.special import digamma
from numpy.typing import ArrayLike

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.hierarchical._mixture_start import mixture_start
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.networks.arguments import check_positive, check_size

__all__ = ["BayesianMixture"]


class BayesianMixture(ArrayPair):
    """The pair of `bayesian_mixture.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 2,
        components: int = 10,
        data_size: int | None = None,
        concentration: float = 1.0,
        prior_scale: float = 3.0,
        shape: float = 2.0,
        rate: float = 1.0,
        means: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.components = check_size("components", components)
        self.data_size = check_data_size(data_size)
        self.concentration = check_positive("concentration", concentration)
        self.prior_scale = check_positive("prior_scale", prior_scale)
        self.shape, self.rate = check_positive("shape", shape), check_positive("rate", rate)
        start = mixture_start((components, data_dim), prior_scale, shape, means, seed)
        self.initial = {name: jnp.asarray(value) for name, value in start.items()}

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        ones = jnp.ones((self.components, self.data_dim))
        prior = dist.Dirichlet(self.concentration * ones[:, 0])
        weights = numpyro.sample("weights", prior)
        means = numpyro.sample("means", dist.Normal(0 * ones, self.prior_scale).to_event(2))
        of_precision = dist.Gamma(self.shape * ones, self.rate * ones).to_event(2)
        precisions = numpyro.sample("precisions", of_precision)
        total, here = plate_size(x, size, self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            of_z: Any = dist.Categorical(probs=weights)
            z = numpyro.sample("z", of_z, infer={"enumerate": "parallel"})  # for NUTS
            chosen = jax.nn.one_hot(z, self.components)[..., None]
            mean, precision = (chosen * means).sum(-2), (chosen * precisions).sum(-2)
            numpyro.sample("x", dist.Normal(mean, precision**-0.5).to_event(1), obs=x)
        return mean

    def guide(self, x: jax.Array) -> None:
        """Propose the shared latents, and z, shape (N,)."""
        weights = jnp.exp(self._param("log_concentrations"))
        shapes, rates = jnp.exp(self._param("log_shapes")), jnp.exp(self._param("log_rates"))
        locs, scales = self._param("locs"), jnp.exp(self._param("log_scales"))
        numpyro.sample("weights", dist.Dirichlet(weights))
        numpyro.sample("means", dist.Normal(locs, scales).to_event(2))
        numpyro.sample("precisions", dist.Gamma(shapes, rates).to_event(2))
        total, here = plate_size(x, 1, self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            logits = lax.stop_gradient(self.responsibilities(x))
            of_z: Any = dist.Categorical(logits=logits)
            numpyro.sample("z", of_z)

    def responsibilities(self, x: jax.Array) -> jax.Array:
        """Logits of the best q(z_n) given the shared latents' guide, (N, K)."""
        log_rates = self._param("log_rates")
        shapes = jnp.exp(self._param("log_shapes"))
        missed = (x[..., None, :] - self._param("locs")) ** 2
        missed = missed + jnp.exp(2 * self._param("log_scales"))
        each = digamma(shapes) - log_rates - shapes * jnp.exp(-log_rates) * missed
        return digamma(jnp.exp(self._param("log_concentrations"))) + 0.5 * each.sum(-1)
