"""Variational auto-encoder, Pyro (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_network, check_seed, check_size
from ppl_models.networks.latent_variables.flows import Flow
from ppl_models.networks.latent_variables.latent_structure import latent_sizes
from ppl_models.networks.latent_variables.latents import latents, side_by_side
from ppl_models.networks.latent_variables.refinement import refined
from ppl_models.networks.latent_variables.refinement_points import check_refine, sign_points
from ppl_models.networks.mlp import mlp_or_given
from ppl_models.networks.observations.likelihoods import Likelihood
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VAE"]


class VAE(PyroPair):
    """Latents decoded by a network, inferred by another.

    Story, for each datum n:

        z_n ~ Normal(0, I)                                   (latent_dim,)
        x_n ~ Bernoulli(logits = decoder(z_n))               (data_dim,)
           or another likelihood of `ppl_models.networks.observations.likelihoods`
        guide: z_n ~ Normal(m(x_n), exp(s(x_n))), transformed by `flow`, (m, s) = encoder(x_n)

    `latent` puts one-hot variables c in the place of z, or beside it: uniform in the model, with
    logits of the encoder in the guide. A guide with a planar flow knows the density of its own
    draws only: train it with `ELBO` or `IWAE`, or use `"iaf"`.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: `"bernoulli"` (x in {0, 1}), `"gaussian"`, `"learned-variance"` or
            `"network-variance"`, whose scale the decoder gives (x real), or
            `"discretised-logistic"` (x among grey levels from 0 to 1).
        noise_scale: of a likelihood other than Bernoulli; initial where each column's is learnt,
            the smallest where the decoder gives it.
        data_mean: mean of the training data, shape (data_dim,), for the decoder's initial bias,
            which is worth about half a nat on MNIST.
        seed: seed of the initial weights.
        latent: `"gaussian"` (z), `"categorical"` (c) or `"mixed"` (both); or a positive z,
            `"log-normal"`, LogNormal(0, I), or `"exponential"`, Exponential(1), which the guide
            proposes by one of the same kind.
        categorical_dim: number of one-hot variables in c.
        classes: how many values each of them has.
        levels: number of grey levels of `"discretised-logistic"`.
        flow: `"none"`, `"planar"` or `"iaf"`.
        flow_length: number of transforms.
        flow_hidden: hidden units of each autoregressive network of `"iaf"`.
        encoder: a `torch.nn.Module`, or on NumPyro a `flax.nnx.Module`, in place of the guide's
            network, from (..., data_dim) to 2 latent_dim numbers for z (latent_dim for an
            exponential one), those for the flow (2 latent_dim + 1 for each planar transform,
            latent_dim in all for `"iaf"`), and categorical_dim * classes.
        decoder: likewise, from (..., latent_dim + categorical_dim * classes) to (..., data_dim), or
            twice as many numbers under `"network-variance"`. A run with a network of yours is
            loaded with load_run(folder, pair=...).
        refine: steps of natural gradient that the guide takes on the ELBO of its own m and s for
            each datum, from what the encoder gives (Kim et al. 2018, arXiv:1802.02550): see
            `networks.refinement`. Not with another latent, a flow or a decoder of yours.
        refine_rate: of these steps, at most 1; where latents are correlated given x, less.
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
        latent: str = "gaussian",
        categorical_dim: int = 20,
        classes: int = 10,
        levels: int = 256,
        flow: str = "none",
        flow_length: int = 4,
        flow_hidden: int = 200,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        refine: int = 0,
        refine_rate: float = 0.5,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        codes = check_size("categorical_dim", categorical_dim), check_size("classes", classes)
        inputs, outputs = latent_sizes(latent, latent_dim, codes, flow, flow_length)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.likelihood = Likelihood(
            likelihood, data_dim, noise_scale, levels, network_variance=True
        )
        down = [data_dim, *hidden, outputs]
        up = [inputs, *reversed(hidden), self.likelihood.outputs]
        self.encoder = mlp_or_given("encoder", encoder, down, activation, random)
        self.decoder = mlp_or_given("decoder", decoder, up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        # The flow's weights are drawn last, so that the other networks start as without one.
        width = check_size("flow_hidden", flow_hidden)
        self.flow = Flow(flow, flow_length, latent_dim, width, random)
        self.latents = latents(latent, self.flow, codes)
        self.refine, self.refine_rate = refine, refine_rate
        if check_refine(refine, refine_rate, latent=latent, flow=flow, decoder=decoder):
            self.points = sign_points(latent_dim)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("decoder", "likelihood")
        like = next(self.parameters())
        with pyro.plate("data", size if x is None else len(x)):
            z = [part.vector(pyro.sample(part.site, part.prior(like))) for part in self.latents]
            fn = self.likelihood(self.decoder(side_by_side(z)))
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, latent_dim), and c, shape (N, categorical_dim, classes)."""
        self.register("encoder", "flow")
        with pyro.plate("data", len(x)):
            output = self.encoder(x)
            if self.refine:
                steps = self.points, self.refine, self.refine_rate
                output = refined(output, lambda z: self.likelihood(self.decoder(z)), x, *steps)
            outputs = output.split([part.outputs for part in self.latents], dim=-1)
            for part, output in zip(self.latents, outputs, strict=True):
                pyro.sample(part.site, part.proposal(output))
