"""Conditional variational auto-encoder, Pyro (Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models.directed._conditional import ConditionalPair
from ppl_models.networks.arguments import check_choice, check_network, check_seed, check_size
from ppl_models.networks.latent_variables.latents import normal
from ppl_models.networks.mlp import MLP, TwoInputMLP
from ppl_models.networks.start_values import start_at_mean

__all__ = ["ConditionalVAE"]


class ConditionalVAE(ConditionalPair):
    """A Gaussian latent and a condition y, decoded together: p(x | y).

    Story, for each datum n, given y_n:

        z_n ~ Normal(m_0(y_n), exp(s_0(y_n))), (m_0, s_0) = prior(y_n)     (latent_dim,)
           or Normal(0, I)
        x_n ~ Bernoulli(logits = decoder(z_n, y_n))                   (data_dim,)
           or Normal(decoder(z_n, y_n), noise_scale)
        guide: z_n ~ Normal(m(x_n, y_n), exp(s(x_n, y_n))), (m, s) = encoder(x_n, y_n)

    The condition is a class, or a vector such as the part of an image that is known. What a bound
    or a likelihood is of is p(x | y).

    Args:
        data_dim: columns of x.
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. Give one of the two.
        latent_dim: size of z.
        hidden: hidden sizes of every network; the decoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        prior: `"conditional"`, p(z | y) by a network, or `"standard"`.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood.
        data_mean: mean of the training data, shape (data_dim,). When given, the decoder starts
            with a bias that reproduces it.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range, or not one of `classes` and `condition_dim` is
            given.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        classes: int | None = None,
        condition_dim: int | None = None,
        latent_dim: int = 50,
        hidden: Sequence[int] = (500, 500),
        activation: str = "relu",
        prior: str = "conditional",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(data_dim, classes, condition_dim, likelihood, noise_scale)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        conditional = check_choice("prior", prior, ("conditional", "standard")) == "conditional"
        random = torch.Generator().manual_seed(check_seed(seed))
        width, gaussian = self.condition.width, [*hidden, 2 * latent_dim]
        decoded = [*reversed(hidden), data_dim]
        self.encoder = TwoInputMLP((data_dim, width), gaussian, activation, random)
        self.decoder = TwoInputMLP((latent_dim, width), decoded, activation, random)
        self.prior = MLP([width, *gaussian], activation, random) if conditional else None
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)

    def _prior(self, condition: Tensor) -> dist.TorchDistribution:
        if self.prior is None:
            return dist.Normal(condition.new_zeros(self.latent_dim), 1.0).to_event(1)
        self.register("prior")
        return normal(self.prior(condition))

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the likelihood's mean.

        `size` is the number of rows of y, and need not be given.
        """
        condition = self._condition(x, y, size)
        self.register("decoder")
        with pyro.plate("data", len(condition)):
            z = pyro.sample("z", self._prior(condition))
            fn = self.likelihood(self.decoder(z, condition))
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose z, shape (N, latent_dim), from a diagonal Gaussian."""
        condition = self._condition(x, y, None)
        self.register("encoder")
        with pyro.plate("data", len(x)):
            pyro.sample("z", normal(self.encoder(x, condition)))
