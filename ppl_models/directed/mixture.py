"""Mixture of diagonal Gaussians or of Bernoulli vectors, Pyro (Dempster et al. 1977)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_network, check_size
from ppl_models.networks.chains.mixture_start_values import mixture_start
from ppl_models.networks.mlp import MLP

__all__ = ["Mixture"]


class Mixture(PyroPair):
    """A class for each datum, and a distribution for each class; evidence is a sum over classes.

    Story, for each datum n, with K = components and s_k = min_scale + exp(log_scales_k):

        z_n ~ Categorical(logits = weight_logits)            integer, 0 to K - 1
        x_n ~ Normal(means[z_n], s[z_n])                     (data_dim,)
           or Bernoulli(logits = mean_logits[z_n])
        evidence:  p(x_n) = sum_k p(z_n = k) p(x_n | z_n = k)
        posterior: p(z_n = k | x_n) = p(z_n = k) p(x_n | z_n = k) / p(x_n)

    The guide is either that posterior, without a gradient and without parameters of its own, or a
    classifier, z_n ~ Categorical(logits = encoder(x_n)). With the posterior the mean gradient of
    the ELBO is that of log p(x) (Fisher's identity), and `Enumerated()` is log p(x) itself.

    The labels of the classes are arbitrary; `ppl_models.classical.label_order` finds the order
    that fits another mixture's best.

    Args:
        data_dim: columns of x.
        components: number of classes K.
        likelihood: `"gaussian"` (x real) or `"bernoulli"` (x in {0, 1}).
        guide: `"exact"` or `"amortised"`.
        hidden: hidden sizes of the amortised guide's classifier.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        noise_scale: initial standard deviation of every class, and of the classes' initial means
            about `data_mean`.
        min_scale: smallest standard deviation, without which the Gaussian likelihood is unbounded.
        data_mean: mean of the training data, shape (data_dim,); zero (Bernoulli: 1/2) when not
            given.
        weights: initial class probabilities, shape (K,); equal when not given.
        means: initial means, shape (K, data_dim), in place of random ones.
        scales: initial standard deviations, shape (K, data_dim), in place of `noise_scale`.
        seed: seed of the initial parameters.
    """

    weight_logits: Tensor
    means: Tensor
    log_scales: Tensor
    mean_logits: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 2,
        components: int = 10,
        likelihood: str = "gaussian",
        guide: str = "exact",
        hidden: Sequence[int] = (50,),
        activation: str = "tanh",
        noise_scale: float = 1.0,
        min_scale: float = 1e-3,
        data_mean: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        means: ArrayLike | None = None,
        scales: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.components = check_size("components", components)
        self.likelihood = likelihood
        self.exact_guide = check_choice("guide", guide, ("exact", "amortised")) == "exact"
        hidden = check_network(hidden, activation)
        self.min_scale = min_scale
        start = mixture_start(
            (components, data_dim),
            likelihood,
            noise_scale=noise_scale,
            min_scale=min_scale,
            data_mean=data_mean,
            weights=weights,
            means=means,
            scales=scales,
            seed=seed,
        )
        self.add_parameters(start)
        if not self.exact_guide:
            random = torch.Generator().manual_seed(seed)
            self.encoder = MLP([data_dim, *hidden, components], activation, random)

    def _likelihood(self, z: Tensor | slice) -> dist.TorchDistribution:
        """p(x | z) of given classes, or of all: event (data_dim,)."""
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=self.mean_logits[z]).to_event(1)
        scales = self.min_scale + self.log_scales.exp()
        return dist.Normal(self.means[z], scales[z]).to_event(1)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        with pyro.plate("data", size if x is None else len(x)):
            z = pyro.sample("z", dist.Categorical(logits=self.weight_logits))
            likelihood = self._likelihood(z)
            pyro.sample("x", likelihood, obs=x)
        return likelihood.mean

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N,)."""
        self.register()
        logits = self._log_joint(x).detach() if self.exact_guide else self.encoder(x)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=logits))

    def posterior(self, x: Tensor) -> dist.Categorical:
        """The exact p(z | x), batch (N,); its `probs` are the responsibilities, (N, K)."""
        return dist.Categorical(logits=self._log_joint(x))

    def log_evidence(self, x: Tensor) -> Tensor:
        """The exact log p(x) per datum, in nats, shape (N,)."""
        return self._log_joint(x).logsumexp(-1)

    def _log_joint(self, x: Tensor) -> Tensor:
        """log p(x, z = k), shape (N, K)."""
        log_weights = self.weight_logits.log_softmax(-1)
        return log_weights + self._likelihood(slice(None)).log_prob(x.unsqueeze(-2))
