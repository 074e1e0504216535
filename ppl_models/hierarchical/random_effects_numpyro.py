"""Effects of groups around a common mean, NumPyro (Rubin 1981: the eight schools)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array

from ppl_models._array_pair_numpyro import ArrayPair
from ppl_models.hierarchical._measurements import (
    Measurements,
    check_all_rows,
    check_errors,
    common_mean,
    offsets,
    pooled,
)
from ppl_models.hierarchical._rows import check_data_size, plate_size
from ppl_models.networks.arguments import check_choice, check_positive, check_seed, check_size

__all__ = ["RandomEffects"]


class RandomEffects(Measurements, ArrayPair):
    """The pair of `random_effects.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 1,
        data_size: int | None = None,
        mean_scale: float = 5.0,
        spread: float = 5.0,
        guide: str = "structured",
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.data_size = check_data_size(data_size)
        self.mean_scale = check_positive("mean_scale", mean_scale)
        self.spread = check_positive("spread", spread)
        check_choice("guide", guide, ("structured", "mean-field"))
        self.structured = guide == "structured"
        start = 0.1 * self.mean_scale * np.random.default_rng(check_seed(seed)).normal(size=2)
        initial = {
            "log_shape": 0.3,
            "log_rate": 0.3 - np.log(self.spread) + 0.01 * start[0],
            "loc": start[0],
            "log_scale": np.log(self.mean_scale / 2),
            "centre": start[1],
            "log_width": np.log(self.spread),
        }
        self.initial = {n: jnp.asarray(v, dtype=jnp.float32) for n, v in initial.items()}

    def model(
        self, x: Array | None = None, y: Array | None = None, *, size: int | None = None
    ) -> Array:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the mean of x."""
        errors = check_errors(x, y, size)
        mean = numpyro.sample("mean", dist.Normal(0.0, self.mean_scale))
        scale = numpyro.sample("scale", dist.HalfCauchy(self.spread))
        total, here = plate_size(x, len(errors), self.data_size)
        with numpyro.plate("data", total, subsample_size=here):
            offset = numpyro.sample("offset", dist.Normal(0.0, 1.0))
            effect = jnp.asarray(mean + scale * offset)
            numpyro.deterministic("effect", effect)
            likelihood = dist.Normal(effect[..., None], errors).to_event(1)
            numpyro.sample("x", likelihood, obs=x)
        return effect[..., None] + 0 * errors

    def guide(self, x: Array, y: Array | None = None) -> None:
        """Propose mean, scale and the offsets, shape (N,)."""
        value, variance = pooled(x, y)
        total, here = plate_size(x, 1, self.data_size)
        own = dist.Gamma(jnp.exp(self._param("log_shape")), jnp.exp(self._param("log_rate")))
        scale = jnp.asarray(numpyro.sample("scale", own))
        if self.structured:
            check_all_rows(total, here)
            at, width = common_mean(value, variance, scale, self.mean_scale)
            mean = numpyro.sample("mean", dist.Normal(at, width))
            centre, width = mean, scale
        else:
            mean = numpyro.sample(
                "mean", dist.Normal(self._param("loc"), jnp.exp(self._param("log_scale")))
            )
            centre, width = self._param("centre"), jnp.exp(self._param("log_width"))
        with numpyro.plate("data", total, subsample_size=here):
            numpyro.sample("offset", dist.Normal(*offsets(value, variance, centre, width)))
