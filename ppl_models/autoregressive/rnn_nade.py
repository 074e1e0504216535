"""RNN-NADE of sequences, Pyro (Boulanger-Lewandowski, Bengio & Vincent 2012)."""

from __future__ import annotations

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._sequence_pair import SequencePair
from ppl_models.networks.arguments import check_choice, check_seed, check_size
from ppl_models.networks.recurrence.recurrent_nade import RecurrentNADE, RecurrentNADELaw
from ppl_models.networks.sequences import CELLS
from ppl_models.networks.start_values import start_at_mean

__all__ = ["RNNNADE"]


class RNNNADE(SequencePair):
    """Sequences whose steps are draws of a NADE with biases from a recurrent network.

    Story, for each sequence n with steps t = 1..T_n and a trained h_0:

        c_t = c + C h_{t-1},  b_t = b + B h_{t-1}
        x_nti ~ Bernoulli(logits = b_ti + V_i s(c_t + sum_{j < i} x_ntj W_j))  (length, data_dim)
        h_t = cell(x_t, h_{t-1})                                                (state_dim,)

    with s the logistic: an entry of a step is drawn given those before it in the step, and all
    steps before (Boulanger-Lewandowski et al. 2012, arXiv:1206.6392). There are no latents:
    `ELBO()` is the exact log-likelihood. Steps after the end of a sequence add nothing to it.

    Args:
        data_dim: columns of a step.
        length: steps that a row of x has room for.
        state_dim: size of a state h.
        hidden_dim: hidden units of the NADE.
        cell: `"gru"` or `"lstm"`.
        data_mean: mean of a step of the training data, shape (data_dim,): b starts at its logit.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 88,
        length: int = 160,
        state_dim: int = 100,
        hidden_dim: int = 150,
        cell: str = "gru",
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        check_size("state_dim", state_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("cell", cell, CELLS)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.network = RecurrentNADE(data_dim, state_dim, hidden_dim, cell, random)
        start_at_mean(self.network, data_mean, data_dim, "bernoulli")

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
            law = RecurrentNADELaw(self.network, self.length, (rows,), inside=inside)
            value = pyro.sample("x", law, obs=x)
        return law.mean_given(value)

    def guide(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x)."""
