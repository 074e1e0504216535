"""Fully visible belief net, Pyro (Neal 1992; Bengio & Bengio 2000)."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries import EntriesPair
from ppl_models.networks.arguments import ACTIVATIONS, check_choice, check_seed, check_size
from ppl_models.networks.autoregression.autoregressive import MaskedBernoulli
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network import MaskedNetwork

__all__ = ["FullyVisible"]


class FullyVisible(EntriesPair):
    """Binary entries, each by a logistic regression, or a small network, on those before it.

    Story, for each datum n and entry i in the order of drawing:

        linear:  x_ni ~ Bernoulli(logits = c_i + sum_{j < i} A_ij x_nj)
        neural:  x_ni ~ Bernoulli(logits = c_i + sum_{j < i} A_ij x_nj + sum_{k <= i} V_ik h_nk)
                 h_nk = f(b_k + sum_{j < k} W_kj x_nj), `units` of them for each entry k

    The first is the logistic autoregressive net (Neal 1992; Frey 1998), the second that of Bengio &
    Bengio 2000, in which an entry also sees the units of entries before it. There are no latents:
    `ELBO()` is the exact log-likelihood.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        connection: `"linear"` or `"neural"`.
        units: hidden units for each entry, with `connection="neural"`.
        activation: f: one of `arguments.ACTIVATIONS`.
        order: `"raster"`, as the columns come, or `"random"`.
        data_mean: mean of the training data, shape (data_dim,). When given, c starts at its logit.
        seed: seed of the initial weights and of the random order.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        connection: str = "linear",
        units: int = 1,
        activation: str = "tanh",
        order: str = "raster",
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        neural = check_choice("connection", connection, ("linear", "neural")) == "neural"
        check_size("units", units)
        check_choice("activation", activation, ACTIVATIONS)
        hidden = (units * (data_dim - 1),) if neural and data_dim > 1 else ()
        connections = Connections(data_dim, hidden, order, seed=check_seed(seed))
        random = torch.Generator().manual_seed(seed)
        self.network = MaskedNetwork(connections, activation, random, direct=True)
        self._start_at(data_mean)

    def law(self, rows: int) -> MaskedBernoulli:
        """The law of x, for so many rows."""
        return MaskedBernoulli(self.network, 0, (rows,))
