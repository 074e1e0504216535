"""Latent Dirichlet allocation, NumPyro (Blei, Ng & Jordan 2003)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from jax import Array
from jax.scipy.special import digamma
from numpyro.contrib.module import nnx_module

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.hierarchical._topics_start import Counts, topics_start
from ppl_models.networks.arguments import check_choice, check_network, check_positive, check_size
from ppl_models.networks.mlp_numpyro import MLP

__all__ = ["LDA"]


class LDA(Counts, ArrayPair):
    """The pair of `lda.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 25,
        topics: int = 10,
        words: int = 100,
        data_size: int | None = None,
        concentration: float = 1.0,
        topic_concentration: float = 0.1,
        guide: str = "structured",
        sweeps: int = 10,
        hidden: Sequence[int] = (100,),
        activation: str = "softplus",
        seed: int = 0,
    ) -> None:
        self.data_dim, self.topics = check_size("data_dim", data_dim), check_size("topics", topics)
        self.words, self.sweeps = check_size("words", words), check_size("sweeps", sweeps)
        self.data_size = check_data_size(data_size)
        self.concentration = check_positive("concentration", concentration)
        self.topic_concentration = check_positive("topic_concentration", topic_concentration)
        structured = check_choice("guide", guide, ("structured", "amortised")) == "structured"
        hidden = check_network(hidden, activation)
        self.initial = {"log_concentrations": topics_start((topics, data_dim), seed)}
        self.encoder = None
        if not structured:
            rngs = nnx.Rngs(seed)
            self.encoder = MLP([data_dim, *hidden, topics], activation, rngs)

    def model(self, x: Array | None = None, *, size: int = 1) -> Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        ones = jnp.ones((self.topics, self.data_dim))
        of_topics = dist.Dirichlet(self.topic_concentration * ones).to_event(1)
        topics = numpyro.sample("topics", of_topics)
        total, here = plate_size(x, size, self.data_size)
        counts = jnp.full((here,), self.words) if x is None else x.sum(-1)
        with numpyro.plate("data", total, subsample_size=here):
            mixture = numpyro.sample("mixture", dist.Dirichlet(self.concentration * ones[:, 0]))
            probabilities = (jnp.asarray(mixture)[..., None, :] @ topics)[..., 0, :]
            likelihood: Any = dist.Multinomial(counts, probabilities, total_count_max=self.words)
            numpyro.sample("x", likelihood, obs=x)
        return counts[..., None] * probabilities

    def guide(self, x: Array) -> None:
        """Propose the topics, and mixtures, shape (N, K)."""
        concentrations = jnp.exp(self._param("log_concentrations"))
        numpyro.sample("topics", dist.Dirichlet(concentrations).to_event(1))
        total, here = plate_size(x, 1, self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            numpyro.sample("mixture", dist.Dirichlet(self.proposed(x)))

    def proposed(self, x: Array) -> Array:
        """Concentrations of the mixtures' guide, (N, K)."""
        if self.encoder is not None:
            encoder = nnx_module("encoder", self.encoder)
            return jnp.exp(jnp.clip(encoder(jnp.log1p(x)), -5, 10))
        given = jnp.exp(self._param("log_concentrations"))
        log_topics = digamma(given) - digamma(given.sum(-1, keepdims=True))  # (K, V)
        equal = jnp.ones(self.topics) / self.topics
        found = self.concentration + x.sum(-1, keepdims=True) * equal
        for _ in range(self.sweeps):
            share = jax.nn.softmax(digamma(found)[..., None] + log_topics, axis=-2)  # (N, K, V)
            found = self.concentration + (x[..., None, :] * share).sum(-1)
        return found
