"""Two domains and a map each way, Pyro (Zhu, Park, Isola & Efros 2017, arXiv:1703.10593)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_network, check_positive, check_seed, check_size
from ppl_models.networks.mlp import mlp_or_given

__all__ = ["CycleGAN"]


class CycleGAN(PyroPair):
    """A map from x to y and one from y to x, each the other's inverse as far as it goes.

    Story, for each datum n:

        y_n ~ Normal(0, I)                                (other_dim,)
        x_n ~ Laplace(to_x(y_n), noise_scale)             (data_dim,)
        guide: y_n ~ Laplace(to_y(x_n), noise_scale)

    `CycleConsistent` trains both maps on rows of x and rows of y that do not belong together, with
    data in the place of y's prior, which is there for what draws from the model alone.
    `run.latents(x)["y"]` translates x, and `run.decode(y=y)` translates y. -log p(x | y) is
    |x - to_x(y)| / noise_scale and a constant, so that a bound has the cycle from x as its
    reconstruction.

    Args:
        data_dim: columns of x.
        other_dim: columns of y.
        hidden: hidden sizes of `to_y`; `to_x` has them in reverse. None, (), is a linear map.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        noise_scale: scale of both Laplace distributions.
        seed: seed of the initial weights.
        to_y: a `torch.nn.Module`, or on NumPyro a `flax.nnx.Module`, in place of the guide's
            network, from (..., data_dim) to (..., other_dim), such as
            `ppl_models.networks.images.affine_warp.AffineWarp` between images and turned ones.
        to_x: likewise the model's, from (..., other_dim) to (..., data_dim). A run with a network
            of yours is loaded with load_run(folder, pair=...).
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        other_dim: int = 784,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        noise_scale: float = 0.05,
        seed: int = 0,
        to_y: nn.Module | None = None,
        to_x: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.other_dim = check_size("other_dim", other_dim)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        hidden = check_network(hidden, activation)
        random = torch.Generator().manual_seed(check_seed(seed))
        there, back = [data_dim, *hidden, other_dim], [other_dim, *reversed(hidden), data_dim]
        self.to_y = mlp_or_given("to_y", to_y, there, activation, random)
        self.to_x = mlp_or_given("to_x", to_x, back, activation, random)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns to_x(y)."""
        self.register("to_x")
        like = next(self.parameters(), torch.zeros(())).new_zeros(self.other_dim)
        with pyro.plate("data", size if x is None else len(x)):
            y = pyro.sample("y", dist.Normal(like, 1.0).to_event(1))
            output = self.to_x(y)
            pyro.sample("x", dist.Laplace(output, self.noise_scale).to_event(1), obs=x)
        return output

    def guide(self, x: Tensor) -> None:
        """Propose y, shape (N, other_dim)."""
        self.register("to_y")
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Laplace(self.to_y(x), self.noise_scale).to_event(1))
