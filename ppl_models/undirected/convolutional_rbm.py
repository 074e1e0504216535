"""Convolutional restricted Boltzmann machine, Pyro (Lee et al. 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    as_numbers,
    check_count,
    check_seed,
    check_size,
)
from ppl_models.networks.energies.convolutional_machine import ConvolutionalMachine
from ppl_models.networks.energies.energy_arguments import check_maps, check_normaliser
from ppl_models.networks.energies.energy_law import means_like
from ppl_models.networks.start_values import output_bias

__all__ = ["ConvolutionalRBM"]


class ConvolutionalRBM(PyroPair):
    """Binary images and maps of binary hidden units, with filters that all places share.

    The density of x is known up to the constant Z; the hidden units are summed out. With filters
    F_k of S x S and * the correlation at all places where they fit:

        p(x, h) = exp(a . x + sum_k h_k . (F_k * x + c_k)) / Z
        x_n ~ p(x) = sum_h p(x, h)                              (height * width,)
        guide: nothing, as h is no latent of the program

    With `pooling=p` at most one unit of each block of p x p of a map is on (probabilistic
    max-pooling): p(h_i = 1 | x) = exp(I_i) / (1 + sum over the block exp(I_j)), I the inputs.

    The site's distribution says `normalised = False`, and has `transition` (block Gibbs) and
    `tempered`: it is learnt by `CD`, `PseudoLikelihood` or `NCE`, and scored by `log_partition` and
    `log_likelihood`. With `normaliser="exact"` the constant is summed and ELBO() is exact maximum
    likelihood.

    Args:
        image_shape: height and width; x has as many columns as there are pixels.
        filters: number of filters K.
        filter_size: S.
        pooling: p, which divides the sides of a map, height - S + 1 and width - S + 1; 1 for none.
        normaliser: `"none"`, or `"exact"`, for at most 20 pixels.
        burn_in: steps of the chains whose ends `model(None, size=...)` draws.
        data_mean: mean of the training data, shape (height * width,). When given, a starts at its
            logit and chains begin there.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        filters: int = 32,
        filter_size: int = 7,
        pooling: int = 1,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.image_shape = check_maps(image_shape, filter_size, pooling)
        self.data_dim = prod(self.image_shape)
        check_size("filters", filters)
        self.pooling, self.burn_in = pooling, check_count("burn_in", burn_in)
        self.exact = check_normaliser(normaliser, None, self.data_dim)
        random = torch.Generator().manual_seed(check_seed(seed))
        sizes = (filters, 1, filter_size, filter_size)
        self.filters = nn.Parameter(0.05 * torch.randn(sizes, generator=random))
        self.hidden_bias = nn.Parameter(torch.full((filters,), -0.1))
        start = output_bias(data_mean, self.data_dim, "bernoulli")
        self.visible_bias = nn.Parameter(torch.tensor(start))
        self.means = None if data_mean is None else as_numbers("data_mean", data_mean, np.float32)

    def law(self) -> ConvolutionalMachine:
        """The distribution of a row."""
        return ConvolutionalMachine(
            self.filters,
            self.visible_bias,
            self.hidden_bias,
            self.image_shape,
            pooling=self.pooling,
            normalised=self.exact,
            burn_in=self.burn_in,
            means=means_like(self.means, self.filters),
        )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, height * width), or draw `size` rows by chains.

        Returns the mean of x given the hidden units' chances at it.
        """
        self.register()
        law = self.law()
        with pyro.plate("data", size if x is None else len(x)):
            value = pyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: Tensor) -> None:
        """Propose nothing: there is no latent."""
