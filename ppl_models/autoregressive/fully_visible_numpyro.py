"""Fully visible belief net, NumPyro (Neal 1992; Bengio & Bengio 2000)."""

from __future__ import annotations

from flax import nnx
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries_numpyro import EntriesPair
from ppl_models.networks.arguments import ACTIVATIONS, check_choice, check_seed, check_size
from ppl_models.networks.autoregression.autoregressive_numpyro import MaskedBernoulli
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network_numpyro import MaskedNetwork

__all__ = ["FullyVisible"]


class FullyVisible(EntriesPair):
    """The pair of `fully_visible.py` on NumPyro."""

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
        self.data_dim = check_size("data_dim", data_dim)
        neural = check_choice("connection", connection, ("linear", "neural")) == "neural"
        check_size("units", units)
        check_choice("activation", activation, ACTIVATIONS)
        hidden = (units * (data_dim - 1),) if neural and data_dim > 1 else ()
        connections = Connections(data_dim, hidden, order, seed=check_seed(seed))
        self.network = MaskedNetwork(connections, activation, nnx.Rngs(seed), direct=True)
        self._start_at(data_mean)

    def law(self, network: MaskedNetwork, rows: int) -> MaskedBernoulli:
        """The law of x by a network with its parameters, for so many rows."""
        return MaskedBernoulli(network, 0, (rows,))
