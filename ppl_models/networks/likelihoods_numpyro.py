"""What a decoder's output says about x, for NumPyro pairs (jax)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from ppl_models.networks.arguments import check_choice, check_positive, check_size
from ppl_models.networks.discretised_logistic_numpyro import DiscretisedLogistic

LIKELIHOODS = ("bernoulli", "gaussian", "learned-variance", "discretised-logistic")


class Likelihood:
    """The distribution of x, event shape (data_dim,), given the decoder's output.

        bernoulli:             Bernoulli(logits = output)
        gaussian:              Normal(output, noise_scale)
        learned-variance:      Normal(output, s), s = exp(log_scale)
        discretised-logistic:  the grey level nearest to Logistic(output, s), s = exp(log_scale)

    A learnt scale is one number per column, shared by all data: a scale that the decoder chose for
    each datum would make the likelihood unbounded.

    Args:
        kind: one of `LIKELIHOODS`.
        data_dim: columns of x.
        noise_scale: the scale, where it is learnt its initial value.
        levels: number of grey levels, from 0 to 1.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, kind: str, data_dim: int, noise_scale: float, levels: int = 256) -> None:
        self.kind = check_choice("likelihood", kind, LIKELIHOODS)
        self.noise_scale = check_positive("noise_scale", noise_scale)
        self.levels = check_size("levels", levels)
        if levels < 2:
            raise ValueError("levels must be at least 2, got 1; 8-bit grey has 256.")
        self.log_scale = jnp.full(data_dim, math.log(noise_scale))

    def _scale(self) -> jax.Array:
        return jnp.exp(jnp.asarray(numpyro.param("likelihood.log_scale", self.log_scale)))

    def __call__(self, output: jax.Array) -> dist.Distribution:
        """The distribution of x, batch shape (...,), given outputs (..., data_dim)."""
        if self.kind == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        if self.kind == "gaussian":
            return dist.Normal(output, self.noise_scale).to_event(1)
        if self.kind == "learned-variance":
            return dist.Normal(output, self._scale()).to_event(1)
        return DiscretisedLogistic(output, self._scale(), self.levels).to_event(1)
