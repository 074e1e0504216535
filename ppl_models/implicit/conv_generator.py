"""Generator of transposed convolutions, Pyro (Radford, Metz & Chintala 2016, arXiv:1511.06434)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from ppl_models.implicit._generator import Generator
from ppl_models.networks.arguments import NORMALISATIONS, check_choice, check_seed, check_size
from ppl_models.networks.convolutions import Downsampling, Upsampling, layer
from ppl_models.networks.image_arguments import check_image_shape
from ppl_models.networks.reference_batch import reference_batch

__all__ = ["ConvGenerator"]


class ConvGenerator(Generator):
    """Noise through transposed convolutions to an image, and what is observed of it.

    Story, for each datum n, given its class y_n where there are classes:

        z_n ~ Normal(0, I) or Uniform(-1, 1)                             (latent_dim,)
        g_n = decoder(z_n, y_n), or its sigmoid                          (height * width,)
        x_n ~ Bernoulli(g_n) or Normal(g_n, noise_scale)
        guide: z_n ~ Normal(m, exp(s)), or the tanh of that where the prior is uniform,
               (m, s) = encoder(x_n, y_n)

    The decoder is a linear layer to (2 channels, height / 4, width / 4) and two transposed
    convolutions to (channels, height / 2, width / 2) and to the image; the encoder is its mirror
    image. Rows of x are flat images.

    Batch normalisation has in training mode a datum's score depend on the others of its batch; what
    evaluates a fitted pair uses running averages. Virtual batch normalisation refers to a fixed
    batch of noise in place of the datum's own batch (Salimans et al. 2016, arXiv:1606.03498).

    Args:
        image_shape: height and width, divisible by 4.
        latent_dim: size of z.
        channels: channels of the decoder's last hidden layer.
        prior: `"normal"` or `"uniform"`.
        normalise: `"batch"`, `"virtual"` or `"none"`, before each of the decoder's ReLUs.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood; it is not learnt.
        output: the Gaussian's mean, `"linear"` (the default) or `"sigmoid"`, for grey images.
        classes: number of classes y, whole numbers from 0; 0 for a pair that takes x alone.
        seed: seed of the initial weights and of the reference batch.
    """

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
        random = torch.Generator().manual_seed(check_seed(seed))
        self.encoder = _Encoder(shape, channels, classes, 2 * latent_dim, random)
        self.decoder = Upsampling(latent_dim + classes, shape, channels, normalise, random)
        if normalise == "virtual":
            reference = reference_batch(latent_dim, prior, classes, seed)
            self.decoder.refer_to(torch.from_numpy(reference))


class _Encoder(nn.Module):
    """Convolutions of an image, and a linear layer of what they find and the one-hot class."""

    def __init__(
        self,
        image_shape: tuple[int, int],
        channels: int,
        classes: int,
        outputs: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.pixels = prod(image_shape)
        self.found = Downsampling(image_shape, channels, generator)
        inputs = self.found.outputs + classes
        self.last = layer(nn.Linear, inputs, outputs, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., pixels + classes)."""
        image, given = x[..., : self.pixels], x[..., self.pixels :]
        return self.last(torch.cat([self.found(image), given], dim=-1))
