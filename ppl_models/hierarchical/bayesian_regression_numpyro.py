"""Bayesian linear and logistic regression, NumPyro (Gelman et al. 2013)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.hierarchical._regression import (
    Covariates,
    check_columns,
    check_condition,
    regression_start,
)
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.networks.arguments import check_choice, check_flag, check_positive, check_size

__all__ = ["BayesianRegression"]


class BayesianRegression(Covariates, ArrayPair):
    """The pair of `bayesian_regression.py` on NumPyro."""

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
        self.data_dim = check_columns(data_dim)
        self.condition_dim = check_size("condition_dim", condition_dim)
        self.data_size = check_data_size(data_size)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.hierarchical = check_flag("hierarchical", hierarchical)
        self.spread = check_positive("spread", spread)
        self.intercept_scale = check_positive("intercept_scale", intercept_scale)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        start = regression_start(condition_dim, spread, seed, hierarchical=hierarchical)
        self.initial = {name: jnp.asarray(value) for name, value in start.items()}

    def model(
        self, x: Array | None = None, y: Array | None = None, *, size: int | None = None
    ) -> Array:
        """Score x, shape (N, 1), given y, or draw a row for each y; returns the mean of x."""
        check_condition(y, self.condition_dim, size if x is None else len(x))
        assert y is not None
        zeros = jnp.zeros(self.condition_dim)
        scale: Any = self.spread
        if self.hierarchical:
            scale = numpyro.sample("scale", dist.HalfCauchy(self.spread))
        slopes = numpyro.sample("slopes", dist.Normal(zeros, 1.0).to_event(1))
        of_intercept = dist.Normal(0.0, self.intercept_scale)
        intercept = numpyro.sample("intercept", of_intercept)
        total, here = plate_size(x, len(y), self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            output = (scale * (y * slopes).sum(-1) + intercept)[..., None]
            if self.likelihood == "bernoulli":
                fn = dist.Bernoulli(logits=output).to_event(1)
            else:
                fn = dist.Normal(output, self.noise_scale).to_event(1)
            numpyro.sample("x", fn, obs=x)
        return jnp.asarray(fn.mean)

    def guide(self, x: Array, y: Array | None = None) -> None:
        """Propose scale, slopes and intercept."""
        del x, y
        if self.hierarchical:
            own = dist.LogNormal(self._param("scale_loc"), jnp.exp(self._param("scale_log_scale")))
            numpyro.sample("scale", own)
        slopes = dist.Normal(self._param("slopes_loc"), jnp.exp(self._param("slopes_log_scale")))
        numpyro.sample("slopes", slopes.to_event(1))
        intercept = dist.Normal(
            self._param("intercept_loc"), jnp.exp(self._param("intercept_log_scale"))
        )
        numpyro.sample("intercept", intercept)
