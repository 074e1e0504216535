"""Neural autoregressive distribution estimator, NumPyro (Larochelle & Murray 2011)."""

from __future__ import annotations

from flax import nnx
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries_numpyro import EntriesPair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_flag,
    check_seed,
    check_size,
)
from ppl_models.networks.autoregression.autoregressive_numpyro import Autoregressive
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.nade_numpyro import NADEBernoulli, NADEMixture, NADENetwork

__all__ = ["NADE"]


class NADE(EntriesPair):
    """The pair of `nade.py` on NumPyro."""

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
        self.data_dim = check_size("data_dim", data_dim)
        check_size("hidden_dim", hidden_dim)
        check_choice("activation", activation, ACTIVATIONS)
        check_flag("marks", marks)
        connections = Connections(data_dim, (), order, orders, seed=check_seed(seed))
        self.network = NADENetwork(connections, hidden_dim, activation, nnx.Rngs(seed), marks=marks)
        self._start_at(data_mean)

    def law(self, network: NADENetwork, rows: int) -> Autoregressive:
        """The law of x by a network with its parameters, for so many rows."""
        if network.connections.count > 1:
            return NADEMixture(network, (rows,))
        return NADEBernoulli(network, 0, (rows,))
