"""Variational auto-encoder with a learnt mixture for a prior, Pyro (Tomczak & Welling 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_network, check_seed, check_size
from ppl_models.networks.latent_variables.latents import normal
from ppl_models.networks.latent_variables.pseudo_inputs import (
    check_examples,
    mixture_means,
    pseudo_inputs,
)
from ppl_models.networks.mlp import MLP
from ppl_models.networks.observations.likelihoods import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VampPrior"]


class VampPrior(PyroPair):
    """A `vae` whose prior is a mixture that is learnt: of posteriors, or of free Gaussians.

    Story, with K = components, and for each datum n:

        z_n ~ 1/K sum_k Normal(m(u_k), exp(s(u_k)))          (latent_dim,)   prior="vampprior"
           or 1/K sum_k Normal(means_k, exp(log_scales_k))                   prior="mixture"
           or Normal(0, I)                                                   prior="normal"
        x_n ~ Bernoulli(logits = decoder(z_n))               (data_dim,)
           or another likelihood of `ppl_models.networks.observations.likelihoods`
        guide: z_n ~ Normal(m(x_n), exp(s(x_n))), (m, s) = encoder(x_n)

    The best prior of a guide is the mean of its posteriors over the data, which a mixture of those
    of K pseudo-inputs u_k comes near to; they are parameters, in (0, 1) where x is binary. The
    encoder is then a part of the model, too. Its KL has no closed form.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: as of `vae`.
        noise_scale: as of `vae`.
        levels: as of `vae`.
        prior: `"vampprior"`, `"mixture"` or `"normal"`.
        components: K.
        examples: rows of the training data at which the pseudo-inputs begin, shape (components,
            data_dim); about the mean of the data when None, where they are slow to part.
        data_mean: mean of the training data, shape (data_dim,), about which decoder and
            pseudo-inputs begin.
        seed: seed of the initial weights.
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
        levels: int = 256,
        prior: str = "vampprior",
        components: int = 500,
        examples: ArrayLike | None = None,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.components = check_size("components", components)
        self.kind = check_choice("prior", prior, ("vampprior", "mixture", "normal"))
        check_examples(self.kind, examples)
        hidden = check_network(hidden, activation)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.likelihood = Likelihood(
            likelihood, data_dim, noise_scale, levels, network_variance=True
        )
        down = [data_dim, *hidden, 2 * latent_dim]
        up = [latent_dim, *reversed(hidden), self.likelihood.outputs]
        self.encoder = MLP(down, activation, random)
        self.decoder = MLP(up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        if self.kind == "vampprior":
            start = pseudo_inputs((components, data_dim), examples, data_mean, likelihood, seed)
            self.pseudo_inputs = nn.Parameter(torch.as_tensor(start))
        if self.kind == "mixture":
            start = mixture_means((components, latent_dim), seed)
            self.means = nn.Parameter(torch.as_tensor(start))
            self.log_scales = nn.Parameter(torch.zeros(components, latent_dim))

    def prior(self) -> dist.TorchDistribution:
        """p(z), event (latent_dim,)."""
        if self.kind == "normal":
            zero = next(self.parameters()).new_zeros(self.latent_dim)
            return dist.Normal(zero, 1.0).to_event(1)
        if self.kind == "mixture":
            parts = dist.Normal(self.means, self.log_scales.exp()).to_event(1)
        else:
            binary = self.likelihood.kind == "bernoulli"
            shown = self.pseudo_inputs.sigmoid() if binary else self.pseudo_inputs
            parts = normal(self.encoder(shown))
        equal = next(self.parameters()).new_zeros(self.components)
        return dist.MixtureSameFamily(dist.Categorical(logits=equal), parts)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        with pyro.plate("data", size if x is None else len(x)):
            z = pyro.sample("z", self.prior())
            fn = self.likelihood(self.decoder(z))
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, latent_dim)."""
        self.register()
        with pyro.plate("data", len(x)):
            pyro.sample("z", normal(self.encoder(x)))
