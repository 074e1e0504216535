"""Probabilistic principal component analysis, Pyro (Tipping & Bishop 1999)."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_positive, check_seed, check_size
from ppl_models.networks.start_values import output_bias

__all__ = ["PPCA"]


class PPCA(PyroPair):
    """A Gaussian latent decoded linearly: evidence and posterior are known in closed form.

    Story, for each datum n, with s = exp(log_noise):

        z_n ~ Normal(0, I)                                   (latent_dim,)
        x_n ~ Normal(weight z_n + mean, s)                   (data_dim,)
        evidence:  x_n ~ Normal(mean, weight weight' + s^2 I)
        posterior: z_n ~ Normal(M^-1 weight' (x_n - mean), s^2 M^-1), M = weight' weight + s^2 I

    The guide is either that posterior, which has no parameters of its own, or a linear one,
    z_n ~ Normal(guide_weight x_n + guide_bias, L L') with a free lower-triangular L, a family that
    contains it.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        guide: `"linear"` or `"exact"`.
        noise_scale: initial s.
        data_mean: initial `mean`, shape (data_dim,); zero when not given.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 64,
        latent_dim: int = 2,
        guide: str = "linear",
        noise_scale: float = 1.0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.exact_guide = check_choice("guide", guide, ("linear", "exact")) == "exact"
        random = torch.Generator().manual_seed(check_seed(seed))
        scale = torch.tensor(check_positive("noise_scale", noise_scale))
        self.weight = nn.Parameter(0.1 * torch.randn(data_dim, latent_dim, generator=random))
        self.mean = nn.Parameter(torch.as_tensor(output_bias(data_mean, data_dim, "gaussian")))
        self.log_noise = nn.Parameter(scale.log())
        if not self.exact_guide:
            self.guide_weight = nn.Parameter(torch.zeros(latent_dim, data_dim))
            self.guide_bias = nn.Parameter(torch.zeros(latent_dim))
            self.guide_tril = nn.Parameter(torch.zeros(latent_dim, latent_dim))

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        with pyro.plate("data", size if x is None else len(x)):
            prior = self.mean.new_zeros(self.latent_dim)
            z = pyro.sample("z", dist.Normal(prior, 1.0).to_event(1))
            output = z @ self.weight.T + self.mean
            pyro.sample("x", dist.Normal(output, self.log_noise.exp()).to_event(1), obs=x)
        return output

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, latent_dim), from a full-covariance Gaussian."""
        self.register()
        if self.exact_guide:
            posterior = self.posterior(x)
        else:
            mean = x @ self.guide_weight.T + self.guide_bias
            tril = self.guide_tril.tril(-1) + torch.diag(self.guide_tril.diagonal().exp())
            posterior = dist.MultivariateNormal(mean, scale_tril=tril)
        with pyro.plate("data", len(x)):
            pyro.sample("z", posterior)

    def posterior(self, x: Tensor) -> dist.MultivariateNormal:
        """The exact p(z | x): batch (N,), event (latent_dim,)."""
        variance = (2 * self.log_noise).exp()
        identity = torch.eye(self.latent_dim).to(self.weight)
        precision = self.weight.T @ self.weight / variance + identity
        covariance = torch.linalg.inv(precision)
        mean = (x - self.mean) @ self.weight @ covariance / variance
        return dist.MultivariateNormal(mean, covariance)

    def log_evidence(self, x: Tensor) -> Tensor:
        """The exact log p(x) per datum, in nats, shape (N,)."""
        noise = (2 * self.log_noise).exp().expand(self.data_dim)
        return dist.LowRankMultivariateNormal(self.mean, self.weight, noise).log_prob(x)
