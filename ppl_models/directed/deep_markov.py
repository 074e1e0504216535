"""Deep Markov model of sequences, Pyro (Krishnan, Shalit & Sontag 2017, arXiv:1609.09869)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._sequence_pair import SequencePair
from ppl_models.networks.arguments import check_choice, check_seed, check_size, check_sizes
from ppl_models.networks.chains.sequential import Markov
from ppl_models.networks.mlp import MLP
from ppl_models.networks.observations.likelihoods import Likelihood
from ppl_models.networks.recurrence import recurrent

__all__ = ["DeepMarkov"]


class DeepMarkov(SequencePair):
    """A chain of Gaussian states, moved and shown by networks, inferred from its future.

    Story, for each sequence n with steps t = 1..T_n and a trained z_0:

        z_nt ~ Normal(m(z_n,t-1), s(z_n,t-1))                      (length, latent_dim)
        x_nt ~ Bernoulli(logits = emission(z_nt))                  (length, data_dim)
           or Normal(emission(z_nt), noise_scale)
        guide: z_nt ~ Normal(a(h), b(h)), h = (tanh(W z_n,t-1 + b) + f_nt) / 2,
               f_nt = GRU(x_nt, f_n,t+1)

    which is the guide "DKS" of the paper: p(z | x) depends on z_{t-1} and on x_t..x_T alone, too.
    With `guide="mean-field"` (its "MF-LR") states are independent given x,

        guide: z_nt ~ Normal(a(h), b(h)), h = (p_nt + f_nt) / 2, p_nt = GRU(x_nt, p_n,t-1)

    which misses that neighbours go together, and is narrower than the posterior for that.
    `lengths` are the T_n, 1 to `length`; all sequences are full without them. Later steps are drawn
    and shown to nobody, and neither log p nor log q knows of them.

    Args:
        data_dim: columns of a step of x.
        length: steps that a row of x has room for.
        latent_dim: size of the state.
        hidden: hidden sizes of the emission; an empty sequence makes it linear.
        transition: `"gated"`, between a linear move and one by a network, or `"linear"`.
        transition_hidden: hidden size of the gated transition's two networks.
        guide_hidden: size of the recurrent unit that reads x backwards.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood.
        guide: `"structured"` or `"mean-field"`.
        seed: seed of the initial weights.
    """

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
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("transition", transition, recurrent.TRANSITIONS)
        check_size("transition_hidden", transition_hidden)
        check_size("guide_hidden", guide_hidden)
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.start = recurrent.Initial(torch.zeros(latent_dim))
        self.transition = recurrent.transition(transition, latent_dim, transition_hidden, random)
        self.emission = MLP([latent_dim, *hidden, data_dim], "relu", random)
        self.future = recurrent.Future(data_dim, guide_hidden, random)
        self.structured = check_choice("guide", guide, ("structured", "mean-field")) == "structured"
        if self.structured:
            self.combiner = recurrent.Combiner(latent_dim, guide_hidden, random)
        else:
            self.apart = recurrent.Apart(data_dim, latent_dim, guide_hidden, random)

    def model(
        self, x: Tensor | None = None, lengths: Tensor | None = None, *, size: int = 1
    ) -> Tensor:
        """Score x, shape (N, length, data_dim), or draw `size`; returns the likelihood's mean."""
        self.register("start", "transition", "emission")
        inside = self._inside(x, lengths)
        rows, shape = size if x is None else len(x), (self.length, self.latent_dim)
        with pyro.plate("data", rows):
            prior = Markov(self.transition, self.start(), shape, (rows,), inside=inside)
            step = self.likelihood(self.emission(pyro.sample("z", prior)))
            fn = step if inside is None else step.mask(inside)
            pyro.sample("x", fn.to_event(1), obs=x)
        return step.mean

    def guide(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Propose z, shape (N, length, latent_dim): see the class."""
        inside = self._inside(x, lengths)
        self.register("future", "combiner" if self.structured else "apart")
        future, shape = self.future(x, inside), (self.length, self.latent_dim)
        with pyro.plate("data", len(x)):
            if self.structured:
                still = future.new_zeros(self.latent_dim)
                proposal: Any = Markov(
                    self.combiner, still, shape, x.shape[:1], inputs=future, inside=inside
                )
            else:
                each = dist.Normal(*self.apart(x, future, inside))
                proposal = (each if inside is None else each.mask(inside[..., None])).to_event(2)
            pyro.sample("z", proposal)
