"""Masked autoencoder for distribution estimation, NumPyro (Germain et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpyro
from flax import nnx
from jax import random
from numpy.typing import ArrayLike

from ppl_models.autoregressive._entries_numpyro import EntriesPair
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_network,
    check_seed,
    check_size,
)
from ppl_models.networks.autoregression.autoregressive_numpyro import (
    Autoregressive,
    MaskedBernoulli,
    MaskedMixture,
)
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.autoregression.masked_network_numpyro import MaskedNetwork

__all__ = ["MADE"]


class MADE(EntriesPair):
    """The pair of `made.py` on NumPyro."""

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
        self.data_dim = check_size("data_dim", data_dim)
        sizes = check_network(hidden, activation)
        self.one = check_choice("training", training, ("average", "one")) == "one"
        check_flag("direct", direct)
        connections = Connections(data_dim, sizes, order, orders, masks, check_seed(seed))
        self.network = MaskedNetwork(connections, activation, nnx.Rngs(seed), direct=direct)
        self._start_at(data_mean)

    def law(self, network: MaskedNetwork, rows: int) -> Autoregressive:
        """The law of x by a network with its parameters, for so many rows."""
        count = network.connections.count
        if self.one and not network.deterministic and count > 1:
            key = numpyro.prng_key()
            component = 0 if key is None else random.randint(key, (), 0, count)
            return MaskedBernoulli(network, component, (rows,))
        if count > 1:
            return MaskedMixture(network, (rows,))
        return MaskedBernoulli(network, 0, (rows,))
