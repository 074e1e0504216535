"""Masked autoencoder for distribution estimation, Pyro (Germain et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries import EntriesPair
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_network,
    check_seed,
    check_size,
)
from ppl_models.networks.autoregression.autoregressive import (
    Autoregressive,
    MaskedBernoulli,
    MaskedMixture,
)
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network import MaskedNetwork

__all__ = ["MADE"]


class MADE(EntriesPair):
    """Binary entries, each given those before it, by one network whose weights are masked.

    Story, for each datum n and network m of M = orders * masks, which share their weights:

        x_ni ~ Bernoulli(logits = network_m(x_n)_i), which sees the entries before i in m's order
        p(x_n) = 1/M sum_m p_m(x_n)

    (Germain et al. 2015, arXiv:1502.03509.) There are no latents: `ELBO()` is the exact
    log-likelihood, of the mean of the networks' probabilities of the whole row.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        hidden: sizes of the hidden layers.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        order: the first order: `"raster"`, as the columns come, or `"random"`.
        orders: how many orders there are; all but the first are random.
        masks: how many sets of masks for each order; one is spread evenly over the entries, several
            are random.
        training: `"average"`: a step learns from log p of the mean, which costs M passes; `"one"`:
            from that of one network, drawn anew for each step, as in the paper. The loss of such a
            step is that network's; evaluations take the mean.
        direct: whether logits also see the entries before them directly, by weights of their own.
        data_mean: mean of the training data, shape (data_dim,). When given, the logits' bias starts
            at its logit.
        seed: seed of the initial weights, of random orders and of random masks.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        order: str = "raster",
        orders: int = 1,
        masks: int = 1,
        training: str = "average",
        direct: bool = False,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        sizes = check_network(hidden, activation)
        self.one = check_choice("training", training, ("average", "one")) == "one"
        check_flag("direct", direct)
        connections = Connections(data_dim, sizes, order, orders, masks, check_seed(seed))
        random = torch.Generator().manual_seed(seed)
        self.network = MaskedNetwork(connections, activation, random, direct=direct)
        self._start_at(data_mean)

    def law(self, rows: int) -> Autoregressive:
        """The law of x, for so many rows."""
        count = self.network.connections.count
        if self.one and self.training:
            return MaskedBernoulli(self.network, int(torch.randint(count, ())), (rows,))
        if count > 1:
            return MaskedMixture(self.network, (rows,))
        return MaskedBernoulli(self.network, 0, (rows,))
