"""Deep Boltzmann machine of two hidden layers, Pyro (Salakhutdinov & Hinton 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_count, check_flag, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.deep_machine import DeepBoltzmann
from ppl_models.networks.energies.energy_arguments import (
    check_hidden_dims,
    check_normaliser,
    dbm_start,
)
from ppl_models.networks.energies.energy_law import means_like

__all__ = ["DBM"]


class DBM(PyroPair):
    """Binary units x, h1 and h2, each layer connected with the next and with no other.

    The energy is that of one undirected model. x is independent given h1, and h2 is summed out:

        p(x, h1, h2) = exp(b . x + c1 . h1 + c2 . h2 + x' W1 h1 + h1' W2 h2) / Z
        h1_n ~ p(h1) = sum_{x, h2} p(x, h1, h2)                      (hidden_dims[0],)
        x_n  ~ Bernoulli(logits = W1 h1_n + b)                       (data_dim,)
        guide: h1_n ~ Bernoulli(mu1), mu1 = s(W1' x_n + W2 mu2 + c1), mu2 = s(W2' mu1 + c2)

    with s the logistic function. The two statements are the joint density: of p(h1) the constant Z
    is not known, and its kernel draws the even layers given the odd one and the other way round.
    The guide has no parameters of its own: its chances are the fixed point of mean field under the
    model's. So `CD(chains=n)` is the learning of Salakhutdinov & Hinton, data at the guide and
    persistent chains, and `MultiPrediction` that of Goodfellow et al. 2013 (arXiv:1301.3568).
    `log_likelihood(pair, x, num_particles=1, method="ais")` is the variational bound with an
    annealed Z. `stack` makes such a pair of machines that were trained one upon the other.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        hidden_dims: units of h1 and of h2.
        sweeps: of mean field, in the guide.
        unroll: whether the guide's chances carry a gradient through all sweeps to the model's
            parameters; without it they are held.
        centred: whether the energy is that of units less their means: of x that of the data, or
            1/2 where it is not known, and 1/2 of the others.
        normaliser: `"none"`, or `"exact"`, for at most 20 units h1, or 20 units x and h2 together;
            then ELBO() is a bound.
        burn_in: steps of the chains whose ends `model(None, size=...)` decodes.
        data_mean: mean of the training data, shape (data_dim,). When given, b starts at its logit
            and annealed chains begin there.
        seed: seed of the initial weights.
    """

    weight_1: Tensor
    weight_2: Tensor
    data_bias: Tensor
    bias_1: Tensor
    bias_2: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dims: Sequence[int] = (500, 1000),
        sweeps: int = 10,
        unroll: bool = False,
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dims = check_hidden_dims(hidden_dims, most=2)
        self.sweeps, self.unroll = check_size("sweeps", sweeps), check_flag("unroll", unroll)
        self.centre = Centre(data_mean, subtracted=centred)
        self.burn_in = check_count("burn_in", burn_in)
        middle, top = self.hidden_dims
        self.exact = check_normaliser(normaliser, data_dim + top, middle)
        self.add_parameters(dbm_start(data_dim, self.hidden_dims, data_mean, seed))

    def law(self) -> DeepBoltzmann:
        """The distribution of h1."""
        below, above = self.weight_1, self.weight_2
        b, c_1, c_2 = self.data_bias, self.bias_1, self.bias_2
        means = means_like(self.centre.means, b)
        b, c_1 = self.centre.plain(below, b, c_1, means)
        c_1, c_2 = self.centre.plain(above, c_1, c_2, None)
        ends = None if means is None else torch.cat([means, torch.full_like(c_2, 0.5)])
        return DeepBoltzmann(
            torch.cat([below.T, above], 1),
            c_1,
            torch.cat([b, c_2]),
            data_units=self.data_dim,
            normalised=self.exact,
            burn_in=self.burn_in,
            hidden_means=ends,
        )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the mean of x given h1."""
        self.register()
        law = self.law()
        with pyro.plate("data", size if x is None else len(x)):
            h = pyro.sample("h1", law)
            likelihood = dist.Bernoulli(logits=law.data_inputs(h)).to_event(1)
            pyro.sample("x", likelihood, obs=x)
        return likelihood.mean

    def guide(self, x: Tensor) -> None:
        """Propose h1 by mean field."""
        self.register()
        logits = self.law().mean_field(x, self.sweeps)
        logits = logits if self.unroll else logits.detach()
        with pyro.plate("data", len(x)):
            pyro.sample("h1", dist.Bernoulli(logits=logits).to_event(1))
