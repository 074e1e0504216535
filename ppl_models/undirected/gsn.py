"""Generative stochastic network, Pyro (Bengio et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models.networks.arguments import check_not_negative, check_seed, check_size, check_sizes
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.chains.odd_even import OddEven
from ppl_models.networks.start_values import start_at_mean
from ppl_models.undirected._chain import ChainPair

__all__ = ["GSN"]


class GSN(ChainPair):
    """A chain whose step goes through noisy layers: corrupt x, sweep the layers, draw x.

    For each datum n, with p = s = corruption and S = sweeps:

        guide: c_n ~ Bernoulli((1 - p) x_n + p / 2), or Normal(x_n, s^2)     (data_dim,)
               noise_n ~ Normal(0, 1)                     (sweeps, 2, sum of hidden_dims)
        model: c_n ~ counting measure,   noise_n ~ Normal(0, 1)
               h_l = tanh(h_(l-1) W_l + h_(l+1) W_(l+1)' + b_l + r e) + r e'
               S times for the odd layers and then the even ones, from h = 0, with h_0 = c_n held
               x_n ~ Bernoulli(logits = h_1 W_1' + b_0)                      (data_dim,)
                  or Normal(h_1 W_1' + b_0, exp(log_scales)^2)

    with e and e' the parts of noise_n and r = noise_scale. The guide has no parameters. `Denoising`
    learns the step, with walkback as in the paper; the model is the law of x after many of them.
    Layers begin anew in each step, so that the chain is one of x alone.

    Args:
        data_dim: columns of x.
        hidden_dims: units of each layer, from the bottom.
        sweeps: S.
        noise_scale: r, before and after the activation.
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
        hidden_dims: Sequence[int] = (1000, 1000),
        sweeps: int = 2,
        noise_scale: float = 1.0,
        likelihood: str = "bernoulli",
        corruption: float = 0.4,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        hidden = check_sizes("hidden_dims", hidden_dims)
        if not hidden:
            raise ValueError("hidden_dims must name one layer or more, got none.")
        check_not_negative("noise_scale", noise_scale)
        self.chain = Chain.checked(likelihood, corruption, burn_in, data_mean, data_dim)
        self.sweeps, self.noise_dim = check_size("sweeps", sweeps), sum(hidden)
        self.noise_shape = (sweeps, 2, self.noise_dim)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.network = OddEven([data_dim, *hidden], sweeps, noise_scale, random)
        start_at_mean(self.network, data_mean, data_dim, likelihood)
        if not self.chain.binary:
            self.log_scales = nn.Parameter(torch.zeros(data_dim))

    def reconstruction(self, c: Tensor, noise: Tensor | None) -> dist.TorchDistribution:
        """The law of x given its corrupted copy and the layers' noise, event (data_dim,)."""
        output = self.network(c, noise)
        if self.chain.binary:
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.log_scales.exp()).to_event(1)
