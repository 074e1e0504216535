"""A pyramid of generators, NumPyro (Denton, Chintala, Szlam & Fergus 2015, arXiv:1506.05751)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.contrib.module import nnx_module

from ppl_models._pair import Pair
from ppl_models.implicit._level_numpyro import Level
from ppl_models.implicit._levels import Levels
from ppl_models.networks.arguments import check_network, check_positive, check_seed, check_size
from ppl_models.networks.images.pyramid import Pyramid
from ppl_models.networks.latent_variables.latents_numpyro import normal, side_by_side

__all__ = ["LAPGAN"]


class LAPGAN(Levels, Pair):
    """The pair of `lapgan.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        levels: int = 3,
        latent_dim: int = 50,
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        noise_scale: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.levels = check_size("levels", levels)
        self.shapes = Pyramid(image_shape, levels)
        self.data_dim = self.shapes.sizes[-1]
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        self.hidden, self.activation = check_network(hidden, activation), activation
        self.seed = check_seed(seed)
        for number in range(1, levels + 1):
            level = self._new_level(Level, number)
            setattr(self, f"decoder{number}", level.decoder)
            setattr(self, f"encoder{number}", level.encoder)

    def level(self, number: int) -> Level:
        """One level as a pair of its own, with this pair's weights; 1 is the coarsest.

        Raises:
            ValueError: if there is no such level.
        """
        return self._filled(self._new_level(Level, number), number)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the image g_L."""
        decoders = self._networks("decoder")
        noise, image = dist.Normal(jnp.zeros(self.latent_dim), 1.0).to_event(1), None
        with numpyro.plate("data", size if x is None else len(x)):
            for number, decoder in enumerate(decoders, start=1):
                z = jnp.asarray(numpyro.sample(f"z{number}", noise))
                if image is None:
                    image = decoder(z)
                    continue
                larger = image[..., self.shapes.parents[number - 2]]
                image = larger + decoder(side_by_side([z, larger]))
            assert image is not None
            numpyro.sample("x", dist.Normal(image, self.noise_scale).to_event(1), obs=x)
        return image

    def guide(self, x: jax.Array) -> None:
        """Propose z1 to zL, each of shape (N, latent_dim)."""
        encoders = self._networks("encoder")
        with numpyro.plate("data", len(x)):
            parts = zip(encoders, self._inputs(x), strict=True)
            for number, (encoder, inputs) in enumerate(parts, start=1):
                numpyro.sample(f"z{number}", normal(encoder(side_by_side(inputs))))

    def _networks(self, part: str) -> list[Any]:
        """Each level's decoder or encoder, with its parameters made known."""
        names = (f"{part}{number}" for number in range(1, self.levels + 1))
        return [nnx_module(name, getattr(self, name)) for name in names]
