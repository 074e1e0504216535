"""Variational auto-encoder, Pyro (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    ACTIVATIONS,
    check_choice,
    check_seed,
    check_size,
    check_sizes,
)
from ppl_models.networks.flows import FLOWS, Flow, flow_inputs
from ppl_models.networks.given_network import given_network
from ppl_models.networks.joined import joined
from ppl_models.networks.likelihoods import Likelihood
from ppl_models.networks.mlp import MLP
from ppl_models.networks.output_bias import output_bias

__all__ = ["VAE"]


class VAE(PyroPair):
    """Latents decoded by a network, inferred by another.

    Story, for each datum n; `latent` says which of z and c there are:

        z_n ~ Normal(0, I)                                   (latent_dim,)
        c_n ~ OneHotCategorical(1 / classes) for each row    (categorical_dim, classes)
        x_n ~ Bernoulli(logits = decoder(z_n, c_n))          (data_dim,)
           or Normal(decoder(z_n, c_n), noise_scale)
           or another likelihood of `ppl_models.networks.likelihoods`
        guide: z_n ~ Normal(m(x_n), exp(s(x_n))), transformed by `flow`,
               c_n ~ OneHotCategorical(logits = l(x_n)), (m, s, h, l) = encoder(x_n), h for the flow

    A guide with a planar flow knows the density of its own draws only: train it with `ELBO` or
    `IWAE`, or use `"iaf"`.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"` or `"leaky-relu"`.
        likelihood: `"bernoulli"` (x in {0, 1}), `"gaussian"` or `"learned-variance"` (x real), or
            `"discretised-logistic"` (x among grey levels from 0 to 1).
        noise_scale: scale of a likelihood other than Bernoulli; where it is learnt, one per
            column, the initial value.
        data_mean: mean of the training data, shape (data_dim,). When given, the decoder starts
            with a bias that reproduces it, which is worth about half a nat on MNIST.
        seed: seed of the initial weights.
        latent: `"gaussian"` (z), `"categorical"` (c) or `"mixed"` (both).
        categorical_dim: number of one-hot variables in c.
        classes: how many values each of them has.
        levels: number of grey levels of `"discretised-logistic"`.
        flow: `"none"`, `"planar"` or `"iaf"`.
        flow_length: number of transforms.
        flow_hidden: hidden units of each autoregressive network of `"iaf"`.
        encoder: a `torch.nn.Module` in place of the guide's own network, from (..., data_dim) to
            (..., outputs): 2 latent_dim numbers for z, those for the flow (2 latent_dim + 1 for
            each planar transform, latent_dim in all for `"iaf"`), and categorical_dim * classes.
        decoder: a `torch.nn.Module` in place of the model's own network, from
            (..., latent_dim + categorical_dim * classes) to (..., data_dim). A run with a network
            of yours is loaded with load_run(folder, pair=...).

    Raises:
        ValueError: if an argument is out of range.
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
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_sizes("hidden", hidden)
        check_choice("activation", activation, ACTIVATIONS)
        self.latent = check_choice("latent", latent, ("gaussian", "categorical", "mixed"))
        self.codes = check_size("categorical_dim", categorical_dim), check_size("classes", classes)
        if check_choice("flow", flow, FLOWS) != "none" and latent == "categorical":
            raise ValueError(
                f"flow={flow!r} transforms the Gaussian z, which latent='categorical' does not "
                "have; use latent='mixed' or flow='none'."
            )
        random = torch.Generator().manual_seed(check_seed(seed))
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale, levels)
        z = latent_dim if latent != "categorical" else 0
        c = categorical_dim * classes if latent != "gaussian" else 0
        # The flow's weights are drawn last, so that the other networks start as without one.
        width = 2 * z + flow_inputs(flow, check_size("flow_length", flow_length), z) + c
        if encoder is None:
            self.encoder = MLP([data_dim, *hidden, width], activation, random)
        else:
            self.encoder = given_network("encoder", encoder, data_dim, width)
        if decoder is None:
            self.decoder = MLP([z + c, *reversed(hidden), data_dim], activation, random)
        else:
            self.decoder = given_network("decoder", decoder, z + c, data_dim)
        if data_mean is not None:
            if not isinstance(self.decoder, MLP):
                raise ValueError(
                    "data_mean sets the bias of the pair's own decoder; leave it out and set the "
                    "bias of the decoder that you give."
                )
            self.decoder.set_output_bias(output_bias(data_mean, data_dim, likelihood))
        self.flow = Flow(
            flow, flow_length, latent_dim, check_size("flow_hidden", flow_hidden), random
        )
        self.sizes = 2 * z, width - 2 * z - c, c

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("decoder", "likelihood")
        with pyro.plate("data", size if x is None else len(x)):
            zero = next(self.parameters()).new_zeros(())
            parts = []
            if self.latent != "categorical":
                prior = zero.expand(self.latent_dim)
                parts.append(pyro.sample("z", dist.Normal(prior, 1.0).to_event(1)))
            if self.latent != "gaussian":
                c = pyro.sample("c", one_hot(zero.expand(self.codes)))
                parts.append(c.flatten(-2))
            fn = self.likelihood(self.decoder(joined(parts)))
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, latent_dim), and c, shape (N, categorical_dim, classes)."""
        self.register("encoder", "flow")
        with pyro.plate("data", len(x)):
            gaussian, given, logits = self.encoder(x).split(self.sizes, dim=-1)
            if self.latent != "categorical":
                mean, log_scale = gaussian.chunk(2, dim=-1)
                base = dist.Normal(mean, log_scale.exp()).to_event(1)
                pyro.sample("z", self.flow(base, given))
            if self.latent != "gaussian":
                pyro.sample("c", one_hot(logits.unflatten(-1, self.codes)))


def one_hot(logits: Tensor) -> dist.TorchDistribution:
    """One-hot rows, event shape (categorical_dim, classes)."""
    return dist.OneHotCategorical(logits=logits).to_event(1)
