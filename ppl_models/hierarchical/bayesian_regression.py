"""Bayesian linear and logistic regression, Pyro (Gelman et al. 2013)."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.hierarchical._regression import (
    Covariates,
    check_columns,
    check_condition,
    regression_start,
)
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.networks.arguments import check_choice, check_flag, check_positive, check_size

__all__ = ["BayesianRegression"]


class BayesianRegression(Covariates, PyroPair):
    """A regression of x on y whose coefficients are latent, with mean field.

    Story, and for each datum n, given y_n:

        scale ~ HalfCauchy(spread)                             with `hierarchical`, else spread
        slopes ~ Normal(0, 1)                                                  (condition_dim,)
        intercept ~ Normal(0, intercept_scale)
        x_n ~ Bernoulli(logits = scale y_n . slopes + intercept)               (1,)
           or Normal(scale y_n . slopes + intercept, noise_scale)

    The coefficients are scale times slopes (not centred), so that their common size is inferred.
    Guide: Normals for slopes and intercept, a log-normal for the scale. Without `hierarchical` and
    with a Gaussian likelihood the posterior is Gaussian and known, and mean field has its means and
    the inverse of the precision's diagonal for variances. `random_effects` has the eight schools.

    Args:
        data_dim: columns of x; one.
        condition_dim: columns of y.
        data_size: number of all rows, where training sees a part of them at a time.
        likelihood: `"bernoulli"` (x in {0, 1}) or `"gaussian"` (x real).
        hierarchical: whether the coefficients' common scale is inferred.
        spread: of the scale's prior, its median; or the scale.
        intercept_scale: standard deviation of the intercept's prior.
        noise_scale: standard deviation of the Gaussian likelihood.
        seed: seed of the guide's initial means.
    """

    scale_loc: Tensor
    scale_log_scale: Tensor
    slopes_loc: Tensor
    slopes_log_scale: Tensor
    intercept_loc: Tensor
    intercept_log_scale: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 1,
        condition_dim: int = 2,
        data_size: int | None = None,
        likelihood: str = "bernoulli",
        hierarchical: bool = True,
        spread: float = 2.5,
        intercept_scale: float = 5.0,
        noise_scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_columns(data_dim)
        self.condition_dim = check_size("condition_dim", condition_dim)
        self.data_size = check_data_size(data_size)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.hierarchical = check_flag("hierarchical", hierarchical)
        self.spread = check_positive("spread", spread)
        self.intercept_scale = check_positive("intercept_scale", intercept_scale)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        start = regression_start(condition_dim, spread, seed, hierarchical=hierarchical)
        self.add_parameters(start)

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, 1), given y, or draw a row for each y; returns the mean of x."""
        self.register()
        check_condition(y, self.condition_dim, size if x is None else len(x))
        assert y is not None
        zeros = torch.zeros(self.condition_dim)
        scale: Any = self.spread
        if self.hierarchical:
            scale = pyro.sample("scale", dist.HalfCauchy(zeros.new_tensor(self.spread)))
        slopes = pyro.sample("slopes", dist.Normal(zeros, 1.0).to_event(1))
        of_intercept = dist.Normal(zeros.new_zeros(()), self.intercept_scale)
        intercept = pyro.sample("intercept", of_intercept)
        total, here = plate_size(x, len(y), self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            output = (scale * (y * slopes).sum(-1) + intercept)[..., None]
            if self.likelihood == "bernoulli":
                fn = dist.Bernoulli(logits=output).to_event(1)
            else:
                fn = dist.Normal(output, self.noise_scale).to_event(1)
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose scale, slopes and intercept."""
        del x, y
        self.register()
        if self.hierarchical:
            own = dist.LogNormal(self.scale_loc, self.scale_log_scale.exp())
            pyro.sample("scale", own)
        slopes = dist.Normal(self.slopes_loc, self.slopes_log_scale.exp())
        pyro.sample("slopes", slopes.to_event(1))
        intercept = dist.Normal(self.intercept_loc, self.intercept_log_scale.exp())
        pyro.sample("intercept", intercept)
