"""One level of a pyramid of generators, Pyro: noise, and an image made larger, to a residual."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._batches import Conditioned
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.latent_variables.latents import normal, side_by_side
from ppl_models.networks.mlp import MLP
from ppl_models.networks.observations.condition import OptionalCondition


class Level(Conditioned, PyroPair):
    """A generator of residuals x given the coarser image y, enlarged; the coarsest has no y.

        z_n ~ Normal(0, I)                                     (latent_dim,)
        x_n ~ Normal(decoder(z_n, y_n), noise_scale)           (data_dim,)
        guide: z_n ~ Normal(m, exp(s)), (m, s) = encoder(x_n, y_n)

    Args:
        data_dim: pixels.
        coarsest: whether there is no y.
        latent_dim: size of z.
        hidden: hidden sizes of the decoder; the encoder has them in reverse.
        activation: of both.
        noise_scale: standard deviation.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int,
        coarsest: bool,
        latent_dim: int,
        hidden: Sequence[int],
        activation: str,
        noise_scale: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.data_dim, self.latent_dim, self.noise_scale = data_dim, latent_dim, noise_scale
        self.condition = OptionalCondition(None, None if coarsest else data_dim)
        beside = self.condition.width
        random = torch.Generator().manual_seed(seed)
        self.encoder = MLP(
            [data_dim + beside, *reversed(hidden), 2 * latent_dim], activation, random
        )
        self.decoder = MLP([latent_dim + beside, *hidden, data_dim], activation, random)

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; the mean."""
        rows = self.condition.rows(x, y, size)
        self.register("decoder")
        like = next(self.parameters()).new_zeros(self.latent_dim)
        with pyro.plate("data", rows):
            z = pyro.sample("z", dist.Normal(like, 1.0).to_event(1))
            output = self.decoder(side_by_side([z] if y is None else [z, y]))
            pyro.sample("x", dist.Normal(output, self.noise_scale).to_event(1), obs=x)
        return output

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose z, shape (N, latent_dim)."""
        rows = self.condition.rows(x, y, None)
        self.register("encoder")
        with pyro.plate("data", rows):
            pyro.sample("z", normal(self.encoder(side_by_side([x] if y is None else [x, y]))))
