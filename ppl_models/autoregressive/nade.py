"""Neural autoregressive distribution estimator, Pyro (Larochelle & Murray 2011)."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries import EntriesPair
from ppl_models.networks.arguments import ACTIVATIONS, check_choice, check_seed, check_size
from ppl_models.networks.autoregressive import MaskedBernoulli
from ppl_models.networks.connections import Connections
from ppl_models.networks.nade import NADENetwork

__all__ = ["NADE"]


class NADE(EntriesPair):
    """Binary entries, each from hidden units that have taken in those before it.

    Story, for each datum n and entry i in the order of drawing:

        h_ni = f(c + sum_{j < i} x_nj W_j)                         (hidden_dim,)
        x_ni ~ Bernoulli(logits = b_i + V_i h_ni)

    (Larochelle & Murray 2011, AISTATS 15; Uria et al. 2016, arXiv:1605.02226.) There are no
    latents: `ELBO()` is the exact log-likelihood. Time grows with data_dim * hidden_dim, as that
    of a network with one hidden layer, but every entry has an f of each unit of its own.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        hidden_dim: number of hidden units.
        activation: f: `"sigmoid"` as in the paper, or another of `arguments.ACTIVATIONS`.
        order: `"raster"`, as the columns come, or `"random"`.
        data_mean: mean of the training data, shape (data_dim,). When given, b starts at its logit.
        seed: seed of the initial weights and of the random order.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dim: int = 500,
        activation: str = "sigmoid",
        order: str = "raster",
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("activation", activation, ACTIVATIONS)
        connections = Connections(data_dim, (), order, seed=check_seed(seed))
        random = torch.Generator().manual_seed(seed)
        self.network = NADENetwork(connections, hidden_dim, activation, random)
        self._start_at(data_mean)

    def law(self, rows: int) -> MaskedBernoulli:
        """The law of x, for so many rows."""
        return MaskedBernoulli(self.network, 0, (rows,))
