"""A pyramid of generators, Pyro (Denton, Chintala, Szlam & Fergus 2015, arXiv:1506.05751)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.implicit._level import Level
from ppl_models.implicit._levels import Levels
from ppl_models.networks.arguments import check_network, check_positive, check_seed, check_size
from ppl_models.networks.images.pyramid import Pyramid
from ppl_models.networks.latent_variables.latents import normal, side_by_side

__all__ = ["LAPGAN"]


class LAPGAN(Levels, PyroPair):
    """An image from the coarsest size to the finest, each level adding what it lacks.

    Story, for each datum n, levels l = 1 (the coarsest) to L:

        z_l,n ~ Normal(0, I)                                          (latent_dim,)
        g_1,n = decoder_1(z_1,n)
        g_l,n = up(g_(l-1),n) + decoder_l(z_l,n, up(g_(l-1),n))       (pixels of level l,)
        x_n ~ Normal(g_L,n, noise_scale)
        guide: z_l,n ~ Normal(m, exp(s)), (m, s) = encoder_l(residual_l of x_n, up(coarser x_n))

    Every level trains alone, as a generator of residuals given the coarser image of the data:

        for l in range(1, levels + 1):
            run = fit(pair.level(l), pair.level_data(x, l), objective=Adversarial())
            pair.take_level(l, run.pair)

    and the pair draws whole images from all of them. As one pair it trains under what takes it.

    Args:
        image_shape: height and width, divisible by 2^(levels - 1).
        levels: L.
        latent_dim: size of each z_l.
        hidden: hidden sizes of each decoder; the encoders have them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        noise_scale: standard deviation of x; it is not learnt.
        seed: seed of the initial weights.
    """

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
        super().__init__()
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

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the image g_L."""
        self.register(*(f"decoder{number}" for number in range(1, self.levels + 1)))
        like = next(self.parameters()).new_zeros(self.latent_dim)
        image = None
        with pyro.plate("data", size if x is None else len(x)):
            for number in range(1, self.levels + 1):
                z = pyro.sample(f"z{number}", dist.Normal(like, 1.0).to_event(1))
                decoder = getattr(self, f"decoder{number}")
                if image is None:
                    image = decoder(z)
                    continue
                larger = image[..., torch.as_tensor(self.shapes.parents[number - 2])]
                image = larger + decoder(side_by_side([z, larger]))
            assert image is not None
            pyro.sample("x", dist.Normal(image, self.noise_scale).to_event(1), obs=x)
        return image

    def guide(self, x: Tensor) -> None:
        """Propose z1 to zL, each of shape (N, latent_dim)."""
        self.register(*(f"encoder{number}" for number in range(1, self.levels + 1)))
        with pyro.plate("data", len(x)):
            for number, inputs in enumerate(self._inputs(x), start=1):
                encoder = getattr(self, f"encoder{number}")
                pyro.sample(f"z{number}", normal(encoder(side_by_side(inputs))))
