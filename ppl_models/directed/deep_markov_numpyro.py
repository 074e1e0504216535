"""Deep Markov model of sequences, NumPyro (Krishnan, Shalit & Sontag 2017, arXiv:1609.09869)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module

from ppl_models._sequence_pair_numpyro import SequencePair
from ppl_models.networks.arguments import check_choice, check_seed, check_size, check_sizes
from ppl_models.networks.chains.sequential_numpyro import Markov
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.observations.likelihoods_numpyro import Likelihood
from ppl_models.networks.recurrence import recurrent_numpyro as recurrent

__all__ = ["DeepMarkov"]


class DeepMarkov(SequencePair):
    """The pair of `deep_markov.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 16,
        length: int = 24,
        latent_dim: int = 8,
        hidden: Sequence[int] = (64,),
        transition: str = "gated",
        transition_hidden: int = 64,
        guide_hidden: int = 64,
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        guide: str = "structured",
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("transition", transition, recurrent.TRANSITIONS)
        check_size("transition_hidden", transition_hidden)
        check_size("guide_hidden", guide_hidden)
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        random = nnx.Rngs(check_seed(seed))
        self.start = recurrent.Initial(jnp.zeros(latent_dim))
        self.transition = recurrent.transition(transition, latent_dim, transition_hidden, random)
        self.emission = MLP([latent_dim, *hidden, data_dim], "relu", random)
        self.future = recurrent.Future(data_dim, guide_hidden, random)
        self.structured = check_choice("guide", guide, ("structured", "mean-field")) == "structured"
        if self.structured:
            self.combiner = recurrent.Combiner(latent_dim, guide_hidden, random)
        else:
            self.apart = recurrent.Apart(data_dim, latent_dim, guide_hidden, random)

    def model(
        self, x: jax.Array | None = None, lengths: jax.Array | None = None, *, size: int = 1
    ) -> jax.Array:
        """Score x, shape (N, length, data_dim), or draw `size`; returns the likelihood's mean."""
        start = nnx_module("start", self.start)()
        transition = nnx_module("transition", self.transition)
        emission = nnx_module("emission", self.emission)
        inside = self._inside(x, lengths)
        rows, shape = size if x is None else len(x), (self.length, self.latent_dim)
        with numpyro.plate("data", rows):
            prior = Markov(transition, start, shape, (rows,), inside=inside)
            step = self.likelihood(emission(numpyro.sample("z", prior)))
            fn = step if inside is None else step.mask(inside)
            numpyro.sample("x", fn.to_event(1), obs=x)
        return jnp.asarray(step.mean)

    def guide(self, x: jax.Array, lengths: jax.Array | None = None) -> None:
        """Propose z, shape (N, length, latent_dim): see `deep_markov.DeepMarkov`."""
        inside = self._inside(x, lengths)
        future = nnx_module("future", self.future)(x, inside)
        if self.structured:
            combiner = nnx_module("combiner", self.combiner)
            shape, still = (self.length, self.latent_dim), jnp.zeros(self.latent_dim)
            proposal: Any = Markov(
                combiner, still, shape, x.shape[:1], inputs=future, inside=inside
            )
        else:
            each = dist.Normal(*nnx_module("apart", self.apart)(x, future, inside))
            proposal = (each if inside is None else each.mask(inside[..., None])).to_event(2)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", proposal)
