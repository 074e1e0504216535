"""Latent Dirichlet allocation, Pyro (Blei, Ng & Jordan 2003)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.hierarchical._topics_start import Counts, topics_start
from ppl_models.networks.arguments import check_choice, check_network, check_positive, check_size
from ppl_models.networks.mlp import MLP

__all__ = ["LDA"]


class LDA(Counts, PyroPair):
    """A topic model: documents are mixtures of topics, topics are distributions of words.

    Story, with K = topics and V = data_dim words, and for each document n of L_n words:

        topics ~ Dirichlet(topic_concentration), each                          (K, V)
        mixture_n ~ Dirichlet(concentration)                                   (K,)
        x_n ~ Multinomial(L_n, mixture_n topics)                               (V,)

    The topic of each word is summed over. Guide: Dirichlets for the topics, and a Dirichlet for
    each document's mixture, whose concentrations are

    - `"amortised"`: exp of a network of the document's log(1 + x);
    - `"structured"`: those after some sweeps of mean field on this document given the topics'
      guide, g_k = concentration + sum_v x_v f_vk, f_vk proportional to exp(digamma(g_k) +
      E[log topics_kv]): the local step of stochastic variational inference (Hoffman et al. 2013,
      arXiv:1206.7051). It has no parameters of its own, and the gradient goes through the sweeps.

    The topics' order is arbitrary. `ppl_models.classical.lda_gibbs` is the collapsed Gibbs sampler.

    Args:
        data_dim: words of the vocabulary V, columns of x.
        topics: K.
        words: words of a document that is drawn; documents that are scored have any number.
        data_size: number of all rows, where training sees a part of them at a time.
        concentration: of the prior of a document's mixture.
        topic_concentration: of the prior of a topic.
        guide: `"structured"` or `"amortised"`.
        sweeps: of the structured guide.
        hidden: hidden sizes of the amortised guide's network.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        seed: seed of the guide's initial parameters.
    """

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
        super().__init__()
        self.data_dim, self.topics = check_size("data_dim", data_dim), check_size("topics", topics)
        self.words, self.sweeps = check_size("words", words), check_size("sweeps", sweeps)
        self.data_size = check_data_size(data_size)
        self.concentration = check_positive("concentration", concentration)
        self.topic_concentration = check_positive("topic_concentration", topic_concentration)
        structured = check_choice("guide", guide, ("structured", "amortised")) == "structured"
        hidden = check_network(hidden, activation)
        start = topics_start((topics, data_dim), seed)
        self.log_concentrations = nn.Parameter(torch.as_tensor(start))
        self.encoder = None
        if not structured:
            random = torch.Generator().manual_seed(seed)
            self.encoder = MLP([data_dim, *hidden, topics], activation, random)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        ones = torch.ones(self.topics, self.data_dim)
        of_topics = dist.Dirichlet(self.topic_concentration * ones).to_event(1)
        topics = pyro.sample("topics", of_topics)
        total, here = plate_size(x, size, self.data_size)
        counts = torch.full((here,), float(self.words)) if x is None else x.sum(-1)
        with pyro.plate("data", total, subsample_size=here):
            mixture = pyro.sample("mixture", dist.Dirichlet(self.concentration * ones[:, 0]))
            probabilities = (mixture[..., None, :] @ topics)[..., 0, :]
            most = max(int(counts.max()), 1)  # log p takes each row's own sum
            pyro.sample("x", dist.Multinomial(most, probs=probabilities), obs=x)
        return counts[..., None] * probabilities

    def guide(self, x: Tensor) -> None:
        """Propose the topics, and mixtures, shape (N, K)."""
        self.register()
        concentrations = self.log_concentrations.exp()
        pyro.sample("topics", dist.Dirichlet(concentrations).to_event(1))
        total, here = plate_size(x, 1, self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            pyro.sample("mixture", dist.Dirichlet(self.proposed(x)))

    def proposed(self, x: Tensor) -> Tensor:
        """Concentrations of the mixtures' guide, (N, K)."""
        if self.encoder is not None:
            return self.encoder((1 + x).log()).clamp(-5, 10).exp()
        given = self.log_concentrations.exp()
        log_topics = given.digamma() - given.sum(-1, keepdim=True).digamma()  # (K, V)
        equal = torch.ones(self.topics) / self.topics
        found = self.concentration + x.sum(-1, keepdim=True) * equal
        for _ in range(self.sweeps):
            share = (found.digamma()[..., None] + log_topics).softmax(-2)  # (N, K, V)
            found = self.concentration + (x[..., None, :] * share).sum(-1)
        return found
