"""A network that predicts x from a condition, Pyro (the baseline of Sohn, Lee & Yan 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models.directed._conditional import ConditionalPair
from ppl_models.networks.arguments import check_network, check_seed
from ppl_models.networks.mlp import Rung
from ppl_models.networks.observations.likelihoods import Classes
from ppl_models.networks.start_values import start_at_mean

__all__ = ["ConditionalNetwork"]


class ConditionalNetwork(ConditionalPair):
    """A network from y to x, without latents: p(x | y), every column by itself.

    Story, for each datum n, given y_n:

        x_n ~ Bernoulli(logits = network(y_n))               (data_dim,)
           or Normal(network(y_n), noise_scale)
           or OneHotCategorical(logits = network(y_n))

    The network's last hidden layer is the deterministic site `features`, shape (N, hidden[-1]).

    The condition is a class, or a vector such as the part of an image that is known. It is what
    `conditional_vae` is compared with; `ELBO()` is its exact log-likelihood.

    Args:
        data_dim: columns of x.
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. Give one of the two.
        hidden: hidden sizes of the network.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: `"bernoulli"` (x in {0, 1}), `"gaussian"` (x real), or `"categorical"` (x one of
            data_dim classes, as one-hot; a row of zeros is a class that is not known, and no part
            of the likelihood).
        noise_scale: standard deviation of the Gaussian likelihood.
        data_mean: mean of the training data, shape (data_dim,). When given, the network starts
            with a bias that reproduces it; not of classes.
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
        hidden: Sequence[int] = (500, 500),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        kinds = ("bernoulli", "gaussian", "categorical")
        super().__init__(data_dim, classes, condition_dim, likelihood, noise_scale, kinds)
        hidden = check_network(hidden, activation)
        if likelihood == "categorical" and data_mean is not None:
            raise ValueError("data_mean is a mean of columns; leave it out with classes.")
        random = torch.Generator().manual_seed(check_seed(seed))
        self.network = Rung([self.condition.width, *hidden, data_dim], activation, random)
        start_at_mean(self.network, data_mean, data_dim, likelihood)

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the likelihood's mean.

        `size` is the number of rows of y, and need not be given.
        """
        condition = self._condition(x, y, size)
        self.register("network")
        with pyro.plate("data", len(condition)):
            features, output = self.network(condition)
            pyro.deterministic("features", features, event_dim=1)
            fn = self.likelihood(output)
            seen = x
            if isinstance(self.likelihood, Classes) and x is not None:
                fn, seen = self.likelihood.observed(fn, x)
            pyro.sample("x", fn, obs=seen)
        return fn.mean

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose nothing: there is no latent."""
