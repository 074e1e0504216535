"""Hidden Markov model with categorical or Gaussian emissions, Pyro (Baum et al. 1970)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._sequence_pair import SequencePair
from ppl_models.networks.arguments import check_choice, check_network, check_size
from ppl_models.networks.chains.markov_chain import HiddenMarkov, MarkovChain
from ppl_models.networks.chains.mixture_start_values import hmm_start
from ppl_models.networks.chains.step_logits import step_logits
from ppl_models.networks.mlp import MLP

__all__ = ["HMM"]


class HMM(SequencePair):
    """A chain of discrete states, each of which emits a symbol or a Gaussian vector.

    Story, for each sequence n of L_n steps, with s_k = min_scale + exp(log_scales_k):

        z_n1 ~ Categorical(logits = initial_logits)          integer, 0 to states - 1
        z_nt ~ Categorical(logits = transition_logits[z_n,t-1])
        x_nt ~ Categorical(logits = emission_logits[z_nt])   integer, 0 to symbols - 1
            or Normal(means[z_nt], s[z_nt])                  (data_dim,)
        evidence:  p(x_n) = sum over all paths z_n, by the forward algorithm
        posterior: p(z_n | x_n), by the forward and the backward algorithm

    What is in x after the end of a sequence has no influence. With `guide="none"` the states are
    summed over inside of the model: x is its only site, nothing is left to propose, and the ELBO
    is log p(x). Otherwise the path is a latent `z`, and the guide is its exact posterior, without
    a gradient and without parameters of its own, or an independent choice for each step by a
    network, z_nt ~ Categorical(logits = encoder(x_n)_t).

    The labels of the states are arbitrary; `ppl_models.classical.label_order` finds the order that
    fits another model's best.

    Args:
        data_dim: columns of one step of x; 1 with categorical emissions, where x has shape
            (N, length).
        length: number of steps T that a row of x has room for.
        states: number of states S.
        emissions: `"categorical"` or `"gaussian"`.
        symbols: size of the alphabet of categorical emissions.
        guide: `"none"`, `"exact"` or `"amortised"`.
        hidden: hidden sizes of the amortised guide's network.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        noise_scale: initial standard deviation of Gaussian emissions and of their initial means.
        min_scale: smallest standard deviation, without which the Gaussian likelihood is unbounded.
        initial: initial probabilities of the first state, shape (S,), in place of random ones.
        transition: initial probabilities of the next state, shape (S, S), likewise.
        emission: initial probabilities of the symbols, shape (S, symbols), likewise.
        means: initial means, shape (S, data_dim), likewise.
        scales: initial standard deviations, shape (S, data_dim), in place of `noise_scale`.
        seed: seed of the initial parameters.
    """

    initial_logits: Tensor
    transition_logits: Tensor
    emission_logits: Tensor
    means: Tensor
    log_scales: Tensor

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
        super().__init__()
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
        start = hmm_start(
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
        self.add_parameters(start)
        if guide == "amortised":
            random = torch.Generator().manual_seed(seed)
            columns = symbols if self.categorical else data_dim  # of what the network is shown
            sizes = [length * columns, *hidden, length * states]
            self.encoder = MLP(sizes, activation, random)

    def model(
        self, x: Tensor | None = None, lengths: Tensor | None = None, *, size: int = 1
    ) -> Tensor:
        """Score x, shape (N, *data_shape), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        size = size if x is None else len(x)
        hidden = self._hidden(x, lengths)
        with pyro.plate("data", size):
            if self.proposal == "none":
                pyro.sample("x", hidden, obs=x)
                mean = torch.tensordot(hidden.chain.marginals, self._levels, dims=1)
                return mean.expand(size, *self.data_shape)
            z = pyro.sample("z", hidden.chain)
            likelihood = self._emission(z)
            if hidden.chain.inside is not None:
                likelihood = likelihood.mask(hidden.chain.inside)
            pyro.sample("x", likelihood.to_event(1), obs=x)
        return self._levels[z]

    def guide(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Propose z, shape (N, length), where it is a latent."""
        self.register()
        if self.proposal == "none":
            return
        if self.proposal == "exact":
            with torch.no_grad():
                proposal = self.posterior(x, lengths)
        else:
            inside = self._inside(x, lengths)
            logits = step_logits(self.encoder, x, inside, self.alphabet, self.states)
            proposal = dist.Categorical(logits=logits).to_event(1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", proposal)

    def posterior(self, x: Tensor, lengths: Tensor | None = None) -> MarkovChain:
        """The exact p(z | x), batch (N,); its `marginals` are smoothed, (N, length, states)."""
        return self._hidden(x, lengths).posterior(x)

    def log_evidence(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The exact log p(x) per sequence, in nats, shape (N,)."""
        return self._hidden(x, lengths).log_prob(x)

    def _hidden(self, x: Tensor | None, lengths: Tensor | None) -> HiddenMarkov:
        """p(x); the data are looked at only to refuse what it cannot score."""
        chain = MarkovChain(
            self.initial_logits.log_softmax(-1),
            self.transition_logits.log_softmax(-1),
            self.length,
            inside=self._inside(x, lengths),
        )
        return HiddenMarkov(chain, self._emission(slice(None)))

    def _emission(self, z: Tensor | slice) -> dist.TorchDistribution:
        """p(x_t | z_t) of given states, or of all."""
        if self.categorical:
            return dist.Categorical(logits=self.emission_logits[z])
        scales = self.min_scale + self.log_scales.exp()
        return dist.Normal(self.means[z], scales[z]).to_event(1)

    @property
    def _levels(self) -> Tensor:
        """The mean of x_t in every state, shape (states,) or (states, data_dim)."""
        if not self.categorical:
            return self.means
        levels = torch.arange(self.symbols).to(self.emission_logits)
        return self.emission_logits.softmax(-1) @ levels
