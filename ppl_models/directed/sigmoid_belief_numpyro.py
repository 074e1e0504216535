"""Sigmoid belief net, NumPyro (Neal 1992)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpyro
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_latent_dims,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.binary_layer_numpyro import BinaryLayer, mean_given
from ppl_models.networks.latent_variables.latent_structure import belief_net
from ppl_models.networks.start_values import output_bias

__all__ = ["SigmoidBeliefNet"]


class SigmoidBeliefNet(Pair):
    """The pair of `sigmoid_belief.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dims: Sequence[int] = (200,),
        units: str = "binary",
        autoregressive: bool = False,
        guide: str = "factorial",
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dims = check_latent_dims(latent_dims, least=1)
        signed = check_choice("units", units, ("binary", "signed")) == "signed"
        lateral = check_flag("autoregressive", autoregressive)
        guide_lateral = check_choice("guide", guide, ("factorial", "autoregressive")) != "factorial"
        random = nnx.Rngs(check_seed(seed))
        sizes, within = (data_dim, *self.latent_dims), (lateral, guide_lateral)
        down, up = belief_net(sizes, signed=signed, autoregressive=within)
        self.decoder = nnx.List(BinaryLayer(layer, random) for layer in down)
        self.encoder = nnx.List(BinaryLayer(layer, random) for layer in up)
        if data_mean is not None:
            self.decoder[0].set_bias(output_bias(data_mean, data_dim, "bernoulli"))

    def _registered(self, side: Literal["decoder", "encoder"]) -> list[Any]:
        layers = getattr(self, side)
        return [nnx_module(f"{side}.{depth}", layer) for depth, layer in enumerate(layers)]

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean.

        In an autoregressive model it is each pixel's mean given the pixels before it.
        """
        lowest, *layers = self._registered("decoder")
        with numpyro.plate("data", size if x is None else len(x)):
            h: Any = None
            for depth, layer in reversed(list(enumerate(layers, start=1))):
                h = numpyro.sample(f"h{depth}", layer(h))
            likelihood = lowest(h)
            value = numpyro.sample("x", likelihood, obs=x)
        return mean_given(likelihood, jnp.asarray(value))

    def guide(self, x: jax.Array) -> None:
        """Propose h1, h2 ... from the data upwards."""
        layers = self._registered("encoder")
        with numpyro.plate("data", len(x)):
            h: Any = x
            for depth, layer in enumerate(layers, start=1):
                h = numpyro.sample(f"h{depth}", layer(h))
