"""Semi-supervised variational auto-encoder, Pyro (Kingma et al. 2014, arXiv:1406.5298, M2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._batches import PartlyLabelled
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    check_choice,
    check_network,
    check_not_negative,
    check_positive,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.latents import normal
from ppl_models.networks.mlp import MLP, TwoInputMLP
from ppl_models.networks.observations.labels import check_given, label_logits, one_hot
from ppl_models.networks.observations.training_term import training_term
from ppl_models.networks.start_values import start_at_mean

__all__ = ["SemiSupervisedVAE"]


class SemiSupervisedVAE(PartlyLabelled, PyroPair):
    """A class and a Gaussian latent; the class is given for some of the data (model M2).

    Story, for each datum n:

        y_n ~ Categorical(1/classes, ..., 1/classes)
        z_n ~ Normal(0, I)                                   (latent_dim,)
        x_n ~ Bernoulli(logits = decoder(z_n, y_n))          (data_dim,)
           or Normal(decoder(z_n, y_n), exp(log_scale))
        guide: y_n ~ Categorical(classifier(x_n)), or the label where there is one
               z_n ~ Normal(m(x_n, y_n), exp(s(x_n, y_n))), (m, s) = encoder(x_n, y_n)

    A label is -1 where it is missing. The bound of a labelled datum is one on log p(x, y), that of
    another one on log p(x); `Enumerated()` sums over the classes exactly, as the paper does. The
    model's site `classification` adds alpha log q(y_n | x_n) for each label, which trains the
    classifier and is no part of any likelihood.

    Args:
        data_dim: columns of x.
        classes: number of classes.
        latent_dim: size of z.
        hidden: hidden sizes of classifier and encoder; the decoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        noise_scale: initial standard deviation of the Gaussian likelihood, learnt for each column.
        alpha: weight of a label's classification term, in nats per labelled datum.
        data_mean: mean of the training data, shape (data_dim,), for the decoder's initial bias.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        classes: int = 10,
        latent_dim: int = 50,
        hidden: Sequence[int] = (500,),
        activation: str = "softplus",
        likelihood: str = "bernoulli",
        noise_scale: float = 1.0,
        alpha: float = 1.0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.classes = check_size("classes", classes)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.alpha = check_not_negative("alpha", alpha)
        scale = check_positive("noise_scale", noise_scale)
        random = torch.Generator().manual_seed(check_seed(seed))
        gaussian, decoded = [*hidden, 2 * latent_dim], [*reversed(hidden), data_dim]
        self.classifier = MLP([data_dim, *hidden, classes], activation, random)
        self.encoder = TwoInputMLP((data_dim, classes), gaussian, activation, random)
        self.decoder = TwoInputMLP((latent_dim, classes), decoded, activation, random)
        if self.likelihood == "gaussian":
            self.log_scale = nn.Parameter(torch.full((data_dim,), math.log(scale)))
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)

    def _likelihood(self, output: Tensor) -> dist.TorchDistribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        return dist.Normal(output, self.log_scale.exp()).to_event(1)

    def model(self, x: Tensor | None = None, y: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw rows: of the classes y, or `size` of any class."""
        check_given(y, self.classes, None if x is None else len(x))
        self.register()
        size = size if y is None else len(y)
        with pyro.plate("data", size if x is None else len(x)):
            zeros = next(self.parameters()).new_zeros
            logits = zeros(self.classes)
            if x is None and y is not None:
                logits = label_logits(y, logits)
            label = pyro.sample("y", dist.Categorical(logits=logits))
            z = pyro.sample("z", dist.Normal(zeros(self.latent_dim), 1.0).to_event(1))
            output = self.decoder(z, one_hot(label, logits))
            pyro.sample("x", self._likelihood(output), obs=x)
            if x is not None and y is not None:
                right = one_hot(y, logits) * self.class_logits(x)  # zero for a missing label
                training_term("classification", self.alpha * right.sum(-1))
        return output.sigmoid() if self.likelihood == "bernoulli" else output

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose the class where y does not say it, and z, shape (N, latent_dim)."""
        check_given(y, self.classes, len(x))
        self.register()
        logits = self.class_logits(x)
        with pyro.plate("data", len(x)):
            given = logits if y is None else label_logits(y, logits)
            label = pyro.sample("y", dist.Categorical(logits=given))
            pyro.sample("z", normal(self.encoder(x, one_hot(label, logits))))

    def class_logits(self, x: Tensor) -> Tensor:
        """log q(y | x) for every class, shape (N, classes)."""
        return self.classifier(x).log_softmax(-1)
