"""RNN-RBM of sequences, Pyro (Boulanger-Lewandowski, Bengio & Vincent 2012)."""

from __future__ import annotations

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._sequence_pair import SequencePair
from ppl_models.networks.arguments import check_choice, check_count, check_seed, check_size
from ppl_models.networks.energies.energy_arguments import check_normaliser
from ppl_models.networks.recurrence.recurrent_machine import RecurrentMachine, RecurrentMachineLaw
from ppl_models.networks.sequences import CELLS
from ppl_models.networks.start_values import start_at_mean

__all__ = ["RNNRBM"]


class RNNRBM(SequencePair):
    """Sequences whose steps are draws of an RBM with biases from a recurrent network.

    Story, for each sequence n with steps t = 1..T_n and a trained h_0:

        c_t = c + C h_{t-1},  b_t = b + B h_{t-1}
        x_nt ~ f_t(x) / Z_t,  log f_t(x) = b_t . x + sum_j softplus(c_tj + (x W)_j)   (data_dim,)
        h_t = cell(x_t, h_{t-1})                                                      (state_dim,)

    (Boulanger-Lewandowski et al. 2012, arXiv:1206.6392.) The RBM's hidden units are summed out. The
    constant Z_t of a step depends on the steps before it. `CD` leads a chain from each step, whose
    history is held, and `PseudoLikelihood`'s terms are those of a step's entries given all others
    of it and the past; persistent chains have no history to go on from, and are refused. With
    `normaliser="exact"` each Z_t is summed, ELBO() is exact maximum likelihood and
    `log_likelihood` exact. Steps after the end of a sequence add nothing.

    Args:
        data_dim: columns of a step.
        length: steps that a row of x has room for.
        state_dim: size of a state h.
        hidden_dim: hidden units of the RBM.
        cell: `"gru"` or `"lstm"`.
        normaliser: `"none"`, or `"exact"`, for at most 20 hidden units.
        burn_in: steps of the chain that draws a step.
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
        normaliser: str = "none",
        burn_in: int = 20,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.length = check_size("length", length)
        check_size("state_dim", state_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("cell", cell, CELLS)
        self.exact = check_normaliser(normaliser, hidden_dim, None)
        self.burn_in = check_count("burn_in", burn_in)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.network = RecurrentMachine(data_dim, state_dim, hidden_dim, cell, random)
        start_at_mean(self.network, data_mean, data_dim, "bernoulli")

    def model(
        self, x: Tensor | None = None, lengths: Tensor | None = None, *, size: int = 1
    ) -> Tensor:
        """Score x, shape (N, length, data_dim), or draw `size` by chains, step after step.

        Returns the mean of each step given the hidden units' chances at it.
        """
        self.register("network")
        inside, rows = self._inside(x, lengths), size if x is None else len(x)
        law = RecurrentMachineLaw(
            self.network,
            self.length,
            (rows,),
            inside=inside,
            given=x,
            normalised=self.exact,
            burn_in=self.burn_in,
        )
        with pyro.plate("data", rows):
            value = pyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Nothing: the hidden units are summed out."""
