"""Restricted Boltzmann machine, Pyro (Smolensky 1986; Hinton 2002)."""

from __future__ import annotations

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_count, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_arguments import VISIBLE, check_normaliser, rbm_start
from ppl_models.networks.energies.energy_law import means_like
from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann
from ppl_models.undirected._stackable import Stackable

__all__ = ["RBM"]


class RBM(Stackable, PyroPair):
    """Visible units x and binary hidden units h without connections within a side.

    The density of x is known up to the constant Z; the hidden units are summed out:

        p(x, h) = exp(-E(x, h)) / Z
        binary:    -E = b . (x - m) + c . h + (x - m)' W (h - l)
        Gaussian:  -E = -sum_i (x_i - b_i)^2 / (2 s_i^2) + c . h + ((x - m) / s^2)' W (h - l)
        x_n ~ p(x) = sum_h p(x, h)                                  (data_dim,)
        guide: nothing, as h is no latent of the program

    with s = 1, or learnt where `visible` is `"gaussian-variance"`; real data should be
    standardised. Where it is centred, m is the mean of the data, or else 1/2 (0 for real units),
    and l = 1/2; otherwise both are 0. The centred machine is the same family, and its gradient
    does not depend on which of its states are called 0 and 1 (Melchior et al. 2016,
    arXiv:1311.1354).

    The site's distribution says `normalised = False`, and has `transition`, `tempered` and
    `log_conditionals`: so it is learnt by `CD`, `PseudoLikelihood`, `NCE` or, with real units,
    `ScoreMatching`, and scored by `log_partition` and `log_likelihood`. With `normaliser="exact"`
    the constant is summed and ELBO() is exact maximum likelihood.

    Args:
        data_dim: visible units, columns of x.
        hidden_dim: hidden units.
        visible: `"bernoulli"` (x in {0, 1}), `"gaussian"` or `"gaussian-variance"`.
        centred: whether the energy is centred.
        normaliser: `"none"`, or `"exact"`, for at most 20 units on the smaller side (of hidden
            units where x is real).
        burn_in: steps of the chains whose ends `model(None, size=...)` draws.
        data_mean: mean of the training data, shape (data_dim,). When given, b starts at it (at its
            logit where x is binary) and chains begin there.
        seed: seed of the initial weights.
    """

    weight: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor
    log_scale: Tensor  # where the variance is learnt

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dim: int = 500,
        visible: str = "bernoulli",
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dim = check_size("hidden_dim", hidden_dim)
        self.visible = check_choice("visible", visible, VISIBLE)
        self.burn_in, binary = check_count("burn_in", burn_in), visible == "bernoulli"
        self.centre = Centre(data_mean, subtracted=centred, unknown=0.5 if binary else 0.0)
        self.exact = check_normaliser(normaliser, hidden_dim, data_dim if binary else None)
        start = rbm_start(data_dim, hidden_dim, visible, data_mean, seed)
        self.add_parameters(start)

    def law(self) -> RestrictedBoltzmann:
        """The distribution of a row."""
        means = means_like(self.centre.means, self.weight)
        weight, visible, hidden = self.weight, self.visible_bias, self.hidden_bias
        precision, offset = None, 0.0
        if self.visible != "bernoulli":
            precision = torch.ones_like(visible)
            if self.visible == "gaussian-variance":
                precision = (-2 * self.log_scale).exp()
            offset = -0.5 * (precision * visible**2).sum()
            weight, visible = precision[:, None] * weight, precision * visible
        visible, hidden = self.centre.plain(weight, visible, hidden, means)
        return RestrictedBoltzmann(
            weight,
            visible,
            hidden,
            precision=precision,
            offset=offset,
            normalised=self.exact,
            burn_in=self.burn_in,
            means=means,
        )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows by chains.

        Returns the mean of x given the hidden units' chances at it.
        """
        self.register()
        law = self.law()
        with pyro.plate("data", size if x is None else len(x)):
            value = pyro.sample("x", law, obs=x)
        return law.reconstruct(value)

    def guide(self, x: Tensor) -> None:
        """Propose nothing: there is no latent."""
