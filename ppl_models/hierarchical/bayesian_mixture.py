"""Bayesian mixture of Gaussians, Pyro (Attias 1999; Bishop 2006, section 10.2)."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import one_hot

from ppl_models._pyro_pair import PyroPair
from ppl_models.hierarchical._mixture_start import mixture_start
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.networks.arguments import check_positive, check_size

__all__ = ["BayesianMixture"]


class BayesianMixture(PyroPair):
    """A mixture of Gaussians whose weights, means and precisions are latent, with mean field.

    Story, with K = components, and for each datum n:

        weights    ~ Dirichlet(concentration, ..., concentration)              (K,)
        means      ~ Normal(0, prior_scale)                                    (K, data_dim)
        precisions ~ Gamma(shape, rate)                                        (K, data_dim)
        z_n ~ Categorical(weights)                                             integer
        x_n ~ Normal(means[z_n], precisions[z_n]^(-1/2))                       (data_dim,)

    Guide: a Dirichlet, Normals and Gammas of the same shapes, and for each datum the best q(z_n)
    given these, q(z_n = k) proportional to exp E[log weights_k + log p(x_n | means_k,
    precisions_k)], which has no gradient and no parameters of its own. The model is conjugate given
    z: the bound is known in closed form, and so is each step of coordinate ascent; both are in
    `ppl_models.classical.bayesian_mixture`.

    The labels of the classes are arbitrary, and the guide has one order of them.

    Args:
        data_dim: columns of x.
        components: the largest number of classes K; those that are not needed lose their weight.
        data_size: number of all rows, where training sees a part of them at a time.
        concentration: of the prior of the weights; below 1 few of them are large.
        prior_scale: standard deviation of the means.
        shape: of the prior of the precisions.
        rate: of the same; shape / rate is their mean.
        means: where the guide's means begin, (K, data_dim), such as rows of the data; random ones
            when not given.
        seed: seed of the guide's initial means.
    """

    log_concentrations: Tensor
    locs: Tensor
    log_scales: Tensor
    log_shapes: Tensor
    log_rates: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 2,
        components: int = 10,
        data_size: int | None = None,
        concentration: float = 1.0,
        prior_scale: float = 3.0,
        shape: float = 2.0,
        rate: float = 1.0,
        means: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.components = check_size("components", components)
        self.data_size = check_data_size(data_size)
        self.concentration = check_positive("concentration", concentration)
        self.prior_scale = check_positive("prior_scale", prior_scale)
        self.shape, self.rate = check_positive("shape", shape), check_positive("rate", rate)
        start = mixture_start((components, data_dim), prior_scale, shape, means, seed)
        self.add_parameters(start)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        ones = torch.ones(self.components, self.data_dim)
        prior = dist.Dirichlet(self.concentration * ones[:, 0])
        weights = pyro.sample("weights", prior)
        means = pyro.sample("means", dist.Normal(0 * ones, self.prior_scale).to_event(2))
        of_precision = dist.Gamma(self.shape * ones, self.rate * ones).to_event(2)
        precisions = pyro.sample("precisions", of_precision)
        total, here = plate_size(x, size, self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            z = pyro.sample("z", dist.Categorical(probs=weights))
            chosen = one_hot(z.long(), self.components).to(means)[..., None]
            mean, precision = (chosen * means).sum(-2), (chosen * precisions).sum(-2)
            pyro.sample("x", dist.Normal(mean, precision**-0.5).to_event(1), obs=x)
        return mean

    def guide(self, x: Tensor) -> None:
        """Propose the shared latents, and z, shape (N,)."""
        self.register()
        weights = self.log_concentrations.exp()
        shapes, rates = self.log_shapes.exp(), self.log_rates.exp()
        scales = self.log_scales.exp()
        pyro.sample("weights", dist.Dirichlet(weights))
        pyro.sample("means", dist.Normal(self.locs, scales).to_event(2))
        pyro.sample("precisions", dist.Gamma(shapes, rates).to_event(2))
        total, here = plate_size(x, 1, self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            pyro.sample("z", dist.Categorical(logits=self.responsibilities(x).detach()))

    def responsibilities(self, x: Tensor) -> Tensor:
        """Logits of the best q(z_n) given the shared latents' guide, (N, K)."""
        shapes, rates = self.log_shapes.exp(), self.log_rates.exp()
        log_precision = shapes.digamma() - self.log_rates
        missed = (x[..., None, :] - self.locs) ** 2 + (2 * self.log_scales).exp()
        of_x = 0.5 * (log_precision - shapes / rates * missed).sum(-1)
        return self.log_concentrations.exp().digamma() + of_x
