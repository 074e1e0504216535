"""Recurrent network of sequences, Pyro (mixture densities: Schuster 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._sequence_pair import SequencePair
from ppl_models.networks.arguments import check_choice, check_seed, check_size, check_sizes
from ppl_models.networks.recurrence.recurrent_law import RecurrentLaw, RecurrentNetwork
from ppl_models.networks.recurrence.recurrent_mixture import RecurrentMixture, RecurrentMixtureLaw
from ppl_models.networks.sequences import CELLS, FRAMES
from ppl_models.networks.start_values import start_at_mean

__all__ = ["Recurrent"]


class Recurrent(SequencePair):
    """Sequences whose steps are drawn from the state of a recurrent network.

    Story, for each sequence n with steps t = 1..T_n and a trained h_0:

        x_nt ~ Bernoulli(logits = output(h_n,t-1))                 (length, data_dim)
           or  sum_k w_k Normal(m_k, s_k), (w, m, s) = output(h_n,t-1)
        h_nt = cell(x_nt, h_n,t-1)                                 (hidden_dim,)

    Entries of a step are independent given the steps before it (or given the component). The
    second is a recurrent mixture density network (Schuster 1999, NIPS 12). There are no latents:
    `ELBO()` is the exact log-likelihood. Steps after the end of a sequence add nothing to it.

    With several networks a sequence is told by one of them from its first step to its last:

        p(x) = sum_m w_m p_m(x),   a mixture of recurrent networks with trained weights w.

    Args:
        data_dim: columns of a step.
        length: steps that a row of x has room for.
        hidden_dim: size of a state.
        cell: `"gru"` or `"lstm"`.
        hidden: hidden layers between a state and its output.
        likelihood: `"bernoulli"` for x in {0, 1}, or `"mixture"`, of Gaussians, for real x.
        components: of the mixture of a step.
        networks: how many networks there are a mixture of; each has parameters of its own.
        data_mean: mean of a step of the training data, shape (data_dim,), for
            `likelihood="bernoulli"`: the output's bias starts at its logit.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 88,
        length: int = 160,
        hidden_dim: int = 200,
        cell: str = "gru",
        hidden: Sequence[int] = (),
        likelihood: str = "bernoulli",
        components: int = 5,
        networks: int = 1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        check_size("hidden_dim", hidden_dim)
        check_choice("cell", cell, CELLS)
        check_choice("likelihood", likelihood, FRAMES)
        check_size("components", components)
        check_size("networks", networks)
        sizes = check_sizes("hidden", hidden)
        random = torch.Generator().manual_seed(check_seed(seed))
        settings = data_dim, hidden_dim, cell, sizes, likelihood, components, random
        each = [RecurrentNetwork(*settings) for _ in range(networks)]
        self.network = each[0] if networks == 1 else RecurrentMixture(each)
        if data_mean is not None:
            check_choice("likelihood, with data_mean,", likelihood, ("bernoulli",))
            for network in each:
                start_at_mean(network.output, data_mean, data_dim, likelihood)

    def model(
        self, x: Tensor | None = None, lengths: Tensor | None = None, *, size: int = 1
    ) -> Tensor:
        """Score x, shape (N, length, data_dim), or draw `size`; each step's mean given the past.

        That mean depends on the draw, and is no datum.
        """
        self.register("network")
        inside = self._inside(x, lengths)
        rows = size if x is None else len(x)
        with pyro.plate("data", rows):
            mixed = isinstance(self.network, RecurrentMixture)
            kind: Any = RecurrentMixtureLaw if mixed else RecurrentLaw
            law = kind(self.network, self.length, (rows,), inside=inside)
            value = pyro.sample("x", law, obs=x)
        return law.mean_given(value)

    def guide(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x)."""
