"""Mixture of diagonal Gaussians or of Bernoulli vectors, NumPyro (Dempster et al. 1977)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax import lax
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.networks.arguments import check_choice, check_network, check_size
from ppl_models.networks.chains.mixture_start_values import mixture_start
from ppl_models.networks.mlp_numpyro import MLP

__all__ = ["Mixture"]


class Mixture(ArrayPair):
    """The pair of `mixture.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 2,
        components: int = 10,
        likelihood: str = "gaussian",
        guide: str = "exact",
        hidden: Sequence[int] = (50,),
        activation: str = "tanh",
        noise_scale: float = 1.0,
        min_scale: float = 1e-3,
        data_mean: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        means: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.components = check_size("components", components)
        self.likelihood = likelihood
        self.exact_guide = check_choice("guide", guide, ("exact", "amortised")) == "exact"
        hidden = check_network(hidden, activation)
        self.min_scale = min_scale
        self.initial = mixture_start(
            (components, data_dim),
            likelihood,
            noise_scale=noise_scale,
            min_scale=min_scale,
            data_mean=data_mean,
            weights=weights,
            means=means,
            scales=scales,
            seed=seed,
        )
        if not self.exact_guide:
            self.encoder = MLP([data_dim, *hidden, components], activation, nnx.Rngs(seed))

    def _likelihood(self, z: jax.Array | slice) -> dist.Distribution:
        """p(x | z) of given classes, or of all: event (data_dim,)."""
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=self._param("mean_logits")[z]).to_event(1)
        scales = self.min_scale + jnp.exp(self._param("log_scales"))
        return dist.Normal(self._param("means")[z], scales[z]).to_event(1)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        with numpyro.plate("data", size if x is None else len(x)):
            z = numpyro.sample("z", dist.CategoricalLogits(self._param("weight_logits")))
            likelihood = self._likelihood(jnp.asarray(z))
            numpyro.sample("x", likelihood, obs=x)
        return likelihood.mean

    def guide(self, x: jax.Array) -> None:
        """Propose z, shape (N,)."""
        if self.exact_guide:
            logits = lax.stop_gradient(self._log_joint(x))
        else:
            logits = nnx_module("encoder", self.encoder)(x)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.CategoricalLogits(logits))

    def posterior(self, x: jax.Array) -> dist.CategoricalLogits:
        """The exact p(z | x), batch (N,); its `probs` are the responsibilities, (N, K)."""
        return dist.CategoricalLogits(self._log_joint(x))

    def log_evidence(self, x: jax.Array) -> jax.Array:
        """The exact log p(x) per datum, in nats, shape (N,)."""
        return jax.nn.logsumexp(self._log_joint(x), -1)

    def _log_joint(self, x: jax.Array) -> jax.Array:
        """log p(x, z = k), shape (N, K)."""
        log_weights = jax.nn.log_softmax(self._param("weight_logits"))
        return log_weights + self._likelihood(slice(None)).log_prob(x[..., None, :])
