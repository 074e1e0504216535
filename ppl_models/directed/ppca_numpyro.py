"""Probabilistic principal component analysis, NumPyro (Tipping & Bishop 1999)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpy.typing import ArrayLike

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_choice, check_positive, check_seed, check_size
from ppl_models.networks.start_values import output_bias

__all__ = ["PPCA"]


class PPCA(ArrayPair):
    """The pair of `ppca.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 64,
        latent_dim: int = 2,
        guide: str = "linear",
        noise_scale: float = 1.0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.exact_guide = check_choice("guide", guide, ("linear", "exact")) == "exact"
        scale = check_positive("noise_scale", noise_scale)
        key = jax.random.PRNGKey(check_seed(seed))
        self.initial = {
            "weight": 0.1 * jax.random.normal(key, (data_dim, latent_dim)),
            "mean": jnp.asarray(output_bias(data_mean, data_dim, "gaussian")),
            "log_noise": jnp.log(scale),
            "guide_weight": jnp.zeros((latent_dim, data_dim)),
            "guide_bias": jnp.zeros(latent_dim),
            "guide_tril": jnp.zeros((latent_dim, latent_dim)),
        }

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        weight, mean = self._param("weight"), self._param("mean")
        noise = jnp.exp(self._param("log_noise"))
        with numpyro.plate("data", size if x is None else len(x)):
            prior = jnp.zeros(self.latent_dim)
            z = numpyro.sample("z", dist.Normal(prior, 1.0).to_event(1))
            output = z @ weight.T + mean
            numpyro.sample("x", dist.Normal(output, noise).to_event(1), obs=x)
        return jnp.asarray(output)

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N, latent_dim), from a full-covariance Gaussian."""
        if self.exact_guide:
            posterior = self.posterior(x)
        else:
            mean = x @ self._param("guide_weight").T + self._param("guide_bias")
            free = self._param("guide_tril")
            tril = jnp.tril(free, -1) + jnp.diag(jnp.exp(jnp.diagonal(free)))
            posterior = dist.MultivariateNormal(mean, scale_tril=tril)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", posterior)

    def posterior(self, x: jax.Array) -> dist.MultivariateNormal:
        """The exact p(z | x): batch (N,), event (latent_dim,)."""
        weight, variance = self._param("weight"), jnp.exp(2 * self._param("log_noise"))
        precision = weight.T @ weight / variance + jnp.eye(self.latent_dim)
        covariance = jnp.linalg.inv(precision)
        mean = (x - self._param("mean")) @ weight @ covariance / variance
        return dist.MultivariateNormal(mean, covariance)

    def log_evidence(self, x: jax.Array) -> jax.Array:
        """The exact log p(x) per datum, in nats, shape (N,)."""
        noise = jnp.full(self.data_dim, jnp.exp(2 * self._param("log_noise")))
        evidence = dist.LowRankMultivariateNormal(self._param("mean"), self._param("weight"), noise)
        return evidence.log_prob(x)
