"""Hidden Markov model with categorical or Gaussian emissions, NumPyro (Baum et al. 1970)."""

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
from ppl_models._sequence_pair_numpyro import SequencePair
from ppl_models.networks.arguments import check_choice, check_network, check_size
from ppl_models.networks.chains.markov_chain_numpyro import HiddenMarkov, MarkovChain, Symbols
from ppl_models.networks.chains.mixture_start_values import hmm_start
from ppl_models.networks.chains.step_logits_numpyro import step_logits
from ppl_models.networks.mlp_numpyro import MLP

__all__ = ["HMM"]


class HMM(ArrayPair, SequencePair):
    """The pair of `hmm.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 1,
        length: int = 16,
        states: int = 4,
        emissions: str = "categorical",
        symbols: int = 8,
        guide: str = "none",
        hidden: Sequence[int] = (50,),
        activation: str = "tanh",
        noise_scale: float = 1.0,
        min_scale: float = 1e-3,
        initial: ArrayLike | None = None,
        transition: ArrayLike | None = None,
        emission: ArrayLike | None = None,
        means: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        self.states = check_size("states", states)
        kind = check_choice("emissions", emissions, ("categorical", "gaussian"))
        self.categorical = kind == "categorical"
        self.symbols = check_size("symbols", symbols)
        self.alphabet = symbols if self.categorical else None
        self.proposal = check_choice("guide", guide, ("none", "exact", "amortised"))
        hidden = check_network(hidden, activation)
        self.min_scale = min_scale
        self.initial = hmm_start(
            states=states,
            emissions=emissions,
            symbols=symbols,
            data_dim=data_dim,
            noise_scale=noise_scale,
            min_scale=min_scale,
            initial=initial,
            transition=transition,
            emission=emission,
            means=means,
            scales=scales,
            seed=seed,
        )
        if guide == "amortised":
            columns = symbols if self.categorical else data_dim  # of what the network is shown
            sizes = [length * columns, *hidden, length * states]
            self.encoder = MLP(sizes, activation, nnx.Rngs(seed))

    def model(
        self, x: jax.Array | None = None, lengths: jax.Array | None = None, *, size: int = 1
    ) -> jax.Array:
        """Score x, shape (N, *data_shape), or draw `size` rows; returns the likelihood's mean."""
        size = size if x is None else len(x)
        hidden = self._hidden(x, lengths)
        with numpyro.plate("data", size):
            if self.proposal == "none":
                numpyro.sample("x", hidden, obs=x)
                mean = jnp.tensordot(hidden.chain.marginals, self._levels, 1)
                return jnp.broadcast_to(mean, (size, *self.data_shape))
            z = jnp.asarray(numpyro.sample("z", hidden.chain))
            likelihood = self._emission(z)
            if hidden.chain.inside is not None:
                likelihood = likelihood.mask(hidden.chain.inside)
            numpyro.sample("x", likelihood.to_event(1), obs=x)
        return self._levels[z]

    def guide(self, x: jax.Array, lengths: jax.Array | None = None) -> None:
        """Propose z, shape (N, length), where it is a latent."""
        if self.proposal == "none":
            return
        if self.proposal == "exact":
            proposal = lax.stop_gradient(self.posterior(x, lengths))
        else:
            encoder, inside = nnx_module("encoder", self.encoder), self._inside(x, lengths)
            logits = step_logits(encoder, x, inside, self.alphabet, self.states)
            proposal = dist.CategoricalLogits(logits).to_event(1)
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", proposal)

    def posterior(self, x: jax.Array, lengths: jax.Array | None = None) -> MarkovChain:
        """The exact p(z | x), batch (N,); its `marginals` are smoothed, (N, length, states)."""
        return self._hidden(x, lengths).posterior(x)

    def log_evidence(self, x: jax.Array, lengths: jax.Array | None = None) -> jax.Array:
        """The exact log p(x) per sequence, in nats, shape (N,)."""
        return self._hidden(x, lengths).log_prob(x)

    def _hidden(self, x: jax.Array | None, lengths: jax.Array | None) -> HiddenMarkov:
        """p(x); the data are looked at only to refuse what it cannot score."""
        chain = MarkovChain(
            jax.nn.log_softmax(self._param("initial_logits")),
            jax.nn.log_softmax(self._param("transition_logits")),
            self.length,
            inside=self._inside(x, lengths),
        )
        return HiddenMarkov(chain, self._emission(slice(None)))

    def _emission(self, z: jax.Array | slice) -> dist.Distribution:
        """p(x_t | z_t) of given states, or of all."""
        if self.categorical:
            return Symbols(self._param("emission_logits")[z])
        scales = self.min_scale + jnp.exp(self._param("log_scales"))
        return dist.Normal(self._param("means")[z], scales[z]).to_event(1)

    @property
    def _levels(self) -> jax.Array:
        """The mean of x_t in every state, shape (states,) or (states, data_dim)."""
        if not self.categorical:
            return self._param("means")
        levels = jnp.arange(float(self.symbols))
        return jax.nn.softmax(self._param("emission_logits")) @ levels
