"""Generator of fully connected layers, Pyro (Goodfellow et al. 2014; Li et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike

from ppl_models.implicit._generator import Generator
from ppl_models.networks.arguments import check_network, check_normalise, check_seed
from ppl_models.networks.mlp import MLP
from ppl_models.networks.normalisation import BatchNormMLP
from ppl_models.networks.start_values import start_at_mean

__all__ = ["MLPGenerator"]


class MLPGenerator(Generator):
    """Noise through fully connected layers to a point of data space, and what is observed of it.

    Story, for each datum n, given its class y_n where there are classes:

        z_n ~ Normal(0, I) or Uniform(-1, 1)                             (latent_dim,)
        g_n = decoder(z_n, y_n), or its sigmoid                          (data_dim,)
        x_n ~ Bernoulli(g_n) or Normal(g_n, noise_scale)
        guide: z_n ~ Normal(m, exp(s)), or the tanh of that where the prior is uniform,
               (m, s) = encoder(x_n, y_n)

    Objectives that compare samples train the generator by what `model` returns, g. With its
    observation model it is also a decoder, which `ELBO` and the other bounds train with the guide.

    With batch normalisation a step normalises by its own batch, so that a datum's score depends on
    the others', and a bound is of the whole batch. What evaluates a fitted pair (`run.sample`,
    `log_likelihood`) uses the running averages, whatever the batch; a pair's `model` called bare
    normalises by the batch until the decoder is put into evaluation mode, `pair.decoder.eval()`.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        hidden: hidden sizes of the decoder; the encoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        prior: `"normal"` or `"uniform"`.
        normalise: `"none"`, or `"batch"` for batch normalisation between the decoder's layers.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: standard deviation of the Gaussian likelihood; it is not learnt.
        output: the Gaussian's mean, `"linear"` (the default) or `"sigmoid"`, for grey images.
        classes: number of classes y, whole numbers from 0; 0 for a pair that takes x alone.
        data_mean: mean of the training data, shape (data_dim,). When given, the decoder starts
            with a bias that reproduces it.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 50,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        prior: str = "normal",
        normalise: str = "none",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        output: str | None = None,
        classes: int = 0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_dim=data_dim,
            latent_dim=latent_dim,
            prior=prior,
            likelihood=likelihood,
            noise_scale=noise_scale,
            output=output,
            classes=classes,
        )
        hidden = check_network(hidden, activation)
        check_normalise(normalise, hidden)
        random = torch.Generator().manual_seed(check_seed(seed))
        widths = [data_dim + classes, *reversed(hidden), 2 * latent_dim]
        self.encoder = MLP(widths, activation, random)
        network = BatchNormMLP if normalise == "batch" else MLP
        widths = [latent_dim + classes, *hidden, data_dim]
        self.decoder = network(widths, activation, random)
        kind = "bernoulli" if self.output == "sigmoid" else "gaussian"
        start_at_mean(self.decoder, data_mean, data_dim, kind)
