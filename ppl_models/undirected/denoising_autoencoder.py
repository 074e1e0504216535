"""Denoising auto-encoder as the chain that it defines, Pyro (Vincent et al. 2008; Bengio 2013)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models.networks.arguments import check_network, check_seed, check_size
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.mlp import MLP
from ppl_models.networks.start_values import start_at_mean
from ppl_models.undirected._chain import ChainPair

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(ChainPair):
    """A corrupted copy of x, and x given it: a step of a chain whose law is the model's.

    For each datum n, with p = s = corruption:

        guide: c_n ~ Bernoulli((1 - p) x_n + p / 2), or Normal(x_n, s^2)      (data_dim,)
        model: c_n ~ counting measure, x_n ~ Bernoulli(logits = net(c_n))     (data_dim,)
                                       or Normal(net(c_n), exp(log_scales)^2)

    The guide has no parameters, and the corrupted copy no prior. `Denoising()` learns x given c;
    the model is then the law of x after many steps of

        x -> c ~ corruption(x) -> x' ~ p(x' | c)

    which is that of the data where p(x | c) is their posterior given the copy (Bengio et al. 2013,
    arXiv:1305.6663). `transition(x)` is such a step, on NumPyro `transition(x, key, law)`, whose
    law is that of x given c, and `model(None, size=...)` draws the ends of chains of them.

    Args:
        data_dim: columns of x.
        hidden: hidden sizes of the network; none for a linear one.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: `"bernoulli"` (x in {0, 1}, salt-and-pepper corruption), or `"gaussian"` (real
            x, Gaussian corruption).
        corruption: chance that an entry becomes a fair coin, or standard deviation of the noise.
        burn_in: steps of the chains whose ends `model(None, size=...)` draws.
        data_mean: mean of the training data, shape (data_dim,), where the output and chains begin.
        seed: seed of the initial weights.
    """

    log_scales: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden: Sequence[int] = (1000,),
        activation: str = "tanh",
        likelihood: str = "bernoulli",
        corruption: float = 0.4,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.chain = Chain.checked(likelihood, corruption, burn_in, data_mean, data_dim)
        random = torch.Generator().manual_seed(check_seed(seed))
        sizes = [data_dim, *check_network(hidden, activation), data_dim]
        self.network = MLP(sizes, activation, random)
        start_at_mean(self.network, data_mean, data_dim, likelihood)
        if not self.chain.binary:
            self.log_scales = nn.Parameter(torch.zeros(data_dim))

    def reconstruction(self, c: Tensor, noise: Tensor | None) -> dist.TorchDistribution:
        """The law of x given its corrupted copy, event (data_dim,)."""
        del noise
        if self.chain.binary:
            return dist.Bernoulli(logits=self.network(c)).to_event(1)
        return dist.Normal(self.network(c), self.log_scales.exp()).to_event(1)
