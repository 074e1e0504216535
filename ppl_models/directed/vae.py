"""Variational auto-encoder, Pyro (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_positive,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.mlp import MLP
from ppl_models.networks.output_bias import output_bias

__all__ = ["VAE"]


class VAE(PyroPair):
    """A Gaussian latent decoded by a network, inferred by another.

    Story, for each datum n:

        z_n ~ Normal(0, I)                                   (latent_dim,)
        x_n ~ Bernoulli(logits = decoder(z_n))               (data_dim,)
           or Normal(decoder(z_n), noise_scale)
        guide: z_n ~ Normal(m(x_n), exp(s(x_n))), (m, s) = encoder(x_n)

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"` or `"silu"`.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood.
        data_mean: mean of the training data, shape (data_dim,). When given, the decoder starts
            with a bias that reproduces it, which is worth about half a nat on MNIST.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 50,
        hidden: Sequence[int] = (200, 200),
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("activation", activation, ACTIVATIONS)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.noise_scale = check_positive("noise_scale", noise_scale)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.encoder = MLP([data_dim, *hidden, 2 * latent_dim], activation, random)
        self.decoder = MLP([latent_dim, *reversed(hidden), data_dim], activation, random)
        if data_mean is not None:
            self.decoder.set_output_bias(output_bias(data_mean, data_dim, likelihood))

    def _likelihood(self, output: Tensor) -> dist.TorchDistribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.noise_scale).to_event(1)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("decoder")
        with pyro.plate("data", size if x is None else len(x)):
            prior = next(self.parameters()).new_zeros(self.latent_dim)
            z = pyro.sample("z", dist.Normal(prior, 1.0).to_event(1))
            output = self.decoder(z)
            pyro.sample("x", self._likelihood(output), obs=x)
        return output.sigmoid() if self.likelihood == "bernoulli" else output

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, latent_dim), from a diagonal Gaussian."""
        self.register("encoder")
        with pyro.plate("data", len(x)):
            mean, log_scale = self.encoder(x).chunk(2, dim=-1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))
