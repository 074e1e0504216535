"""Deep belief net, NumPyro (Hinton, Osindero & Teh 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_count, check_seed, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_arguments import (
    check_hidden_dims,
    check_normaliser,
    rbm_start,
)
from ppl_models.networks.energies.top_machine_numpyro import TopMachine
from ppl_models.networks.latent_variables.binary_layer_numpyro import BinaryLayer
from ppl_models.networks.latent_variables.latent_structure import belief_net
from ppl_models.networks.start_values import output_bias
from ppl_models.undirected._fine_tuning import classifier
from ppl_models.undirected._stacking import upward_of_nets

__all__ = ["DBN"]


class DBN(Pair):
    """The pair of `dbn.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dims: Sequence[int] = (500, 2000),
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        top_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dims = check_hidden_dims(hidden_dims)
        below, above = self.hidden_dims[-2:]
        self.exact = check_normaliser(normaliser, above, below)
        self.burn_in = check_count("burn_in", burn_in)
        centre = Centre(top_mean, subtracted=centred, name="top_mean")
        random = nnx.Rngs(check_seed(seed))
        sizes = data_dim, *self.hidden_dims[:-1]
        down, up = belief_net(sizes, signed=False, autoregressive=(False, False))
        self.decoder = nnx.List(BinaryLayer(layer, random) for layer in down[:-1])
        self.encoder = nnx.List(BinaryLayer(layer, random) for layer in up)
        start = rbm_start(below, above, "bernoulli", top_mean, seed, name="top_mean")
        self.top = TopMachine(start, centre)
        if data_mean is not None:
            self.decoder[0].set_bias(output_bias(data_mean, data_dim, "bernoulli"))

    def _registered(self, side: Literal["decoder", "encoder"]) -> list[Any]:
        layers = getattr(self, side)
        return [nnx_module(f"{side}.{depth}", layer) for depth, layer in enumerate(layers)]

    @staticmethod
    def classifier(machines: Sequence[Any], **more: Any) -> Pair:
        """A network to classes that begins with the guide and the top; see `to_classifier`."""
        return classifier("numpyro", upward_of_nets(machines), **more)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        layers, top = self._registered("decoder"), nnx_module("top", self.top)
        prior: Any = top(normalised=self.exact, burn_in=self.burn_in)
        likelihood: Any = None
        with numpyro.plate("data", size if x is None else len(x)):
            h: Any = numpyro.sample(f"h{len(layers)}", prior)
            for depth, layer in reversed(list(enumerate(layers))):
                likelihood = layer(h)
                given = None if depth else x
                h = numpyro.sample(f"h{depth}" if depth else "x", likelihood, obs=given)
        return likelihood.mean

    def guide(self, x: jax.Array) -> None:
        """Propose h1, h2 ... from the data upwards."""
        layers = self._registered("encoder")
        with numpyro.plate("data", len(x)):
            h: Any = x
            for depth, layer in enumerate(layers, start=1):
                h = numpyro.sample(f"h{depth}", layer(h))
