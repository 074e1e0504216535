"""Neural autoregressive distribution estimator, Pyro (Larochelle & Murray 2011)."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries import EntriesPair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_flag,
    check_seed,
    check_size,
)
from ppl_models.networks.autoregression.autoregressive import Autoregressive
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.nade import NADEBernoulli, NADEMixture, NADENetwork

__all__ = ["NADE"]


class NADE(EntriesPair):
    """Binary entries, each from hidden units that have taken in those before it.

    Story, for each datum n and entry i in the order of drawing:

        h_ni = f(c + sum_{j < i} (x_nj W_j + U_j))                 (hidden_dim,)
        x_ni ~ Bernoulli(logits = b_i + V_i h_ni)

    without U if there are no marks (Larochelle & Murray 2011, AISTATS 15; Uria et al. 2016,
    arXiv:1605.02226). There are no latents: `ELBO()` is the exact log-likelihood. Time grows with
    data_dim * hidden_dim, as that of a network with one hidden layer, but every entry has an f of
    each unit of its own.

    With several orders, all of which share the parameters, p(x) is the mean of their probabilities
    (EoNADE: Uria, Murray & Larochelle 2014, arXiv:1310.1757); `OrderAgnostic()` learns for all
    orders at once, in a fraction of the time that `ELBO()` takes for one. Give it marks then: in
    one order, what has been seen is known from the place, but not in any order.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        hidden_dim: number of hidden units.
        activation: f: `"sigmoid"` as in the paper, or another of `arguments.ACTIVATIONS`.
        order: the first, `"raster"`, as the columns come, or `"random"`; others are random.
        orders: number of orders.
        marks: whether hidden units see which entries have been drawn, and so tell a zero from an
            entry that has not, by U.
        data_mean: mean of the training data, shape (data_dim,). When given, b starts at its logit.
        seed: seed of the initial weights and of the random orders.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dim: int = 500,
        activation: str = "sigmoid",
        order: str = "raster",
        orders: int = 1,
        marks: bool = False,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("activation", activation, ACTIVATIONS)
        check_flag("marks", marks)
        connections = Connections(data_dim, (), order, orders, seed=check_seed(seed))
        random = torch.Generator().manual_seed(seed)
        self.network = NADENetwork(connections, hidden_dim, activation, random, marks=marks)
        self._start_at(data_mean)

    def law(self, rows: int) -> Autoregressive:
        """The law of x, for so many rows."""
        if self.network.connections.count > 1:
            return NADEMixture(self.network, (rows,))
        return NADEBernoulli(self.network, 0, (rows,))
