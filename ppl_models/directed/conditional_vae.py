"""Conditional variational auto-encoder, Pyro (Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike, NDArray
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
from ppl_models.networks.condition import Condition
from ppl_models.networks.mlp import MLP
from ppl_models.networks.output_bias import output_bias
from ppl_models.networks.two_input_mlp import TwoInputMLP

__all__ = ["ConditionalVAE"]


class ConditionalVAE(PyroPair):
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
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"` or `"leaky-relu"`.
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
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.condition = Condition(classes, condition_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("activation", activation, ACTIVATIONS)
        conditional = check_choice("prior", prior, ("conditional", "standard")) == "conditional"
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.noise_scale = check_positive("noise_scale", noise_scale)
        random = torch.Generator().manual_seed(check_seed(seed))
        width, gaussian = self.condition.width, [*hidden, 2 * latent_dim]
        decoded = [*reversed(hidden), data_dim]
        self.encoder = TwoInputMLP((data_dim, width), gaussian, activation, random)
        self.decoder = TwoInputMLP((latent_dim, width), decoded, activation, random)
        self.prior = MLP([width, *gaussian], activation, random) if conditional else None
        if data_mean is not None:
            self.decoder.set_output_bias(output_bias(data_mean, data_dim, likelihood))

    def _prior(self, condition: Tensor) -> dist.TorchDistribution:
        if self.prior is None:
            return dist.Normal(condition.new_zeros(self.latent_dim), 1.0).to_event(1)
        self.register("prior")
        mean, log_scale = self.prior(condition).chunk(2, dim=-1)
        return dist.Normal(mean, log_scale.exp()).to_event(1)

    def _likelihood(self, output: Tensor) -> dist.TorchDistribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.noise_scale).to_event(1)

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
            output = self.decoder(z, condition)
            pyro.sample("x", self._likelihood(output), obs=x)
        return output.sigmoid() if self.likelihood == "bernoulli" else output

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose z, shape (N, latent_dim), from a diagonal Gaussian."""
        condition = self._condition(x, y, None)
        self.register("encoder")
        with pyro.plate("data", len(x)):
            mean, log_scale = self.encoder(x, condition).chunk(2, dim=-1)
            pyro.sample("z", dist.Normal(mean, log_scale.exp()).to_event(1))

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a missing condition, and one that is not the pair's."""
        x, *given = arrays
        self.condition.check(given[0] if given else None, len(x))

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data and a condition."""
        return (*super().example(), self.condition.example())

    def _condition(self, x: Tensor | None, y: Tensor | None, size: int | None) -> Tensor:
        """The condition as the networks see it, shape (N, width)."""
        rows = size if x is None else len(x)
        self.condition.check(None if y is None else y.detach().cpu().numpy(), rows)
        y = torch.as_tensor(y)
        if self.condition.classes is None:
            return y.float()
        return torch.nn.functional.one_hot(y.long(), self.condition.classes).float()
