"""Generator of transposed convolutions, NumPyro (Radford, Metz & Chintala 2016).

arXiv:1511.06434.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import jax
import jax.numpy as jnp
from flax import nnx

from ppl_models.implicit._generator_numpyro import Generator
from ppl_models.networks.arguments import NORMALISATIONS, check_choice, check_seed, check_size
from ppl_models.networks.convolutions_numpyro import Downsampling, Upsampling, linear
from ppl_models.networks.image_arguments import check_image_shape
from ppl_models.networks.reference_batch import reference_batch

__all__ = ["ConvGenerator"]


class ConvGenerator(Generator):
    """The pair of `conv_generator.py` on NumPyro."""

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        latent_dim: int = 50,
        channels: int = 32,
        prior: str = "normal",
        normalise: str = "batch",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        output: str | None = None,
        classes: int = 0,
        seed: int = 0,
    ) -> None:
        shape = check_image_shape(image_shape)
        super().__init__(
            data_dim=prod(shape),
            latent_dim=latent_dim,
            prior=prior,
            likelihood=likelihood,
            noise_scale=noise_scale,
            output=output,
            classes=classes,
        )
        check_size("channels", channels)
        check_choice("normalise", normalise, NORMALISATIONS)
        random = nnx.Rngs(check_seed(seed))
        self.encoder = _Encoder(shape, channels, classes, 2 * latent_dim, random)
        self.decoder = Upsampling(latent_dim + classes, shape, channels, normalise, random)
        if normalise == "virtual":
            reference = reference_batch(latent_dim, prior, classes, seed)
            self.decoder.refer_to(jnp.asarray(reference))


class _Encoder(nnx.Module):
    """Convolutions of an image, and a linear layer of what they find and the one-hot class."""

    def __init__(
        self,
        image_shape: tuple[int, int],
        channels: int,
        classes: int,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        self.pixels = prod(image_shape)
        self.found = Downsampling(image_shape, channels, rngs)
        self.last = linear(self.found.outputs + classes, outputs, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """From (..., pixels + classes)."""
        image, given = x[..., : self.pixels], x[..., self.pixels :]
        return self.last(jnp.concatenate([self.found(image), given], axis=-1))
