"""Deep latent Gaussian model, Pyro (Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models.directed._ladder import LadderPair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_ladder,
    check_latent_dims,
    check_levels,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.latent_structure import layer_sizes
from ppl_models.networks.latent_variables.latents import full_noise, normal
from ppl_models.networks.mlp import MLP, Rung
from ppl_models.networks.observations.likelihoods import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["DLGM"]


class DLGM(LadderPair):
    """Layers of Gaussian latents, each one's mean a network of the layer above.

    Story, for each datum n, from the top layer L down:

        z_L,n ~ Normal(0, I)                                 (latent_dims[L-1],)
        z_l,n ~ Normal(m, exp(s)), (m, s) = decoder_l(z_l+1,n)        noise = "diagonal"
           or MultivariateNormal(decoder_l(z_l+1,n), G_l G_l')        noise = "full"
        x_n   ~ Bernoulli(logits = decoder_0(z_1,n))         (data_dim,)
             or another likelihood of `ppl_models.networks.observations.likelihoods`

    with G_l lower triangular. Guides, (m, s) = encoder_l(...) at each layer:

        bottom-up: z_1,n ~ Normal(m, exp(s)) from x_n, z_l+1,n likewise from z_l,n
        ladder:    all (m, s) from x_n in one deterministic pass upwards; z_L,n ~ Normal(m, exp(s)),
                   and z_l,n from the normalised product of that and the model's p(z_l,n | z_l+1,n)

    (Burda et al. 2016, arXiv:1509.00519; Sonderby et al. 2016, arXiv:1602.02282.) The ladder
    shares the decoders between the layers with the model, so that an objective with a loss of its
    own for the guide, such as RWS, moves them by that loss too.

    Scales are exp of what a network makes of draws. Where it is not bounded, linear or of an
    activation such as relu, they can overflow at the start with the bottom-up guide, so that `fit`
    says that the loss diverges; tanh and sigmoid bound them, and the ladder trains either.

    Args:
        data_dim: columns of x.
        latent_dims: sizes of z1 (next to the data), z2, ...; two or more.
        hidden: hidden sizes of the encoder from x to z1, from z1 to z2, ...; the decoders have
            them in reverse. `()` makes every network linear.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        noise: `"diagonal"`, given by the decoders, or `"full"`, one learnt matrix per layer.
        guide: `"bottom-up"` or `"ladder"`; the latter needs diagonal noise.
        likelihood: `"bernoulli"` (x in {0, 1}), `"gaussian"` or `"learned-variance"` (x real), or
            `"discretised-logistic"` (x among 256 grey levels from 0 to 1).
        noise_scale: scale of a likelihood other than Bernoulli, initial where it is learnt.
        data_mean: mean of the training data, shape (data_dim,), for the decoder's initial bias.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dims: Sequence[int] = (100, 50),
        hidden: Sequence[Sequence[int]] = ((200, 200), (100, 100)),
        activation: str = "tanh",
        noise: str = "diagonal",
        guide: str = "bottom-up",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dims = check_latent_dims(latent_dims)
        levels = check_levels("hidden", hidden, len(self.latent_dims))
        check_choice("activation", activation, ACTIVATIONS)
        full, self.ladder = check_ladder(noise, guide)
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.encoders, self.decoders = nn.ModuleList(), nn.ModuleList()
        of_noise = self.latent_dims[:-1] if full else ()
        self.noise = nn.ParameterList(torch.zeros(size, size) for size in of_noise)
        sizes = layer_sizes(data_dim, self.latent_dims, levels, mean_only=full, ladder=self.ladder)
        for up, down in sizes:
            self.encoders.append((Rung if self.ladder else MLP)(up, activation, random))
            self.decoders.append(MLP(down, activation, random))
        start_at_mean(self.decoders[0], data_mean, data_dim, likelihood)

    def _layer(self, level: int, output: Tensor) -> dist.TorchDistribution:
        """p(z_level | z_level+1), given the decoder's output at z_level+1."""
        if len(self.noise):
            return full_noise(output, self.noise[level - 1])
        return normal(output)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("decoders", "noise", "likelihood")
        with pyro.plate("data", size if x is None else len(x)):
            top = len(self.latent_dims)
            prior = next(self.parameters()).new_zeros(self.latent_dims[-1])
            z = pyro.sample(f"z{top}", dist.Normal(prior, 1.0).to_event(1))
            for level in reversed(range(1, top)):
                z = pyro.sample(f"z{level}", self._layer(level, self.decoders[level](z)))
            fn = self.likelihood(self.decoders[0](z))
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor) -> None:
        """Propose z1, z2, ..., shapes (N, latent_dims[l]), from diagonal Gaussians."""
        self.register("encoders")
        with pyro.plate("data", len(x)):
            if self.ladder:
                self._descend(x)
                return
            z = x
            for level, encoder in enumerate(self.encoders, start=1):
                z = pyro.sample(f"z{level}", normal(encoder(z)))
