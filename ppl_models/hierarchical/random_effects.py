"""Effects of groups around a common mean, Pyro (Rubin 1981: the eight schools)."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
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


class RandomEffects(Measurements, PyroPair):
    """A hierarchical normal model: an effect for each group, measured with known errors.

    Story, and for each group n, given the standard errors y_n of its measurements x_n:

        mean  ~ Normal(0, mean_scale)
        scale ~ HalfCauchy(spread)
        offset_n ~ Normal(0, 1)
        effect_n = mean + scale * offset_n
        x_n ~ Normal(effect_n, y_n)                                            (data_dim,)

    (not centred: the offsets, not the effects, are independent of the scale a priori). Guide: a
    Gamma for the scale, and

    - `"structured"`: the exact p(mean | scale, x) and p(offset_n | mean, scale, x_n), so that only
      the scale's posterior is approximated. It needs all rows at once.
    - `"mean-field"`: a Normal for the mean, and for each offset the exact posterior given a mean
      and a scale that are parameters, not the draws.

    `load("eight_schools")` has the data.

    Args:
        data_dim: measurements of each group, columns of x.
        data_size: number of all rows, where training sees a part of them at a time.
        mean_scale: standard deviation of the mean's prior.
        spread: of the scale's prior, its median.
        guide: `"structured"` or `"mean-field"`.
        seed: seed of the guide's initial mean.

    Raises:
        ValueError: if an argument is out of range, or a part of the rows is asked of a structured
            guide.
    """

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
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.data_size = check_data_size(data_size)
        self.mean_scale = check_positive("mean_scale", mean_scale)
        self.spread = check_positive("spread", spread)
        check_choice("guide", guide, ("structured", "mean-field"))
        self.structured = guide == "structured"
        start = 0.1 * self.mean_scale * np.random.default_rng(check_seed(seed)).normal(size=2)
        self.log_shape = nn.Parameter(torch.tensor(0.3))
        self.log_rate = nn.Parameter(
            torch.tensor(0.3 - np.log(self.spread) + 0.01 * start[0]).float()
        )
        if not self.structured:
            self.loc = nn.Parameter(torch.tensor(start[0]).float())
            self.log_scale = nn.Parameter(torch.tensor(self.mean_scale / 2).log())
            self.centre = nn.Parameter(torch.tensor(start[1]).float())
            self.log_width = nn.Parameter(torch.tensor(self.spread).log())

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), given y, or draw a row for each y; the mean of x."""
        self.register()
        errors = check_errors(x, y, size)
        mean = pyro.sample("mean", dist.Normal(torch.zeros(()), self.mean_scale))
        scale = pyro.sample("scale", dist.HalfCauchy(torch.tensor(self.spread)))
        total, here = plate_size(x, len(errors), self.data_size)
        with pyro.plate("data", total, subsample_size=here):
            offset = pyro.sample("offset", dist.Normal(torch.zeros(()), 1.0))
            effect = pyro.deterministic("effect", mean + scale * offset)
            likelihood = dist.Normal(effect[..., None], errors).to_event(1)
            pyro.sample("x", likelihood, obs=x)
        return effect[..., None] + 0 * errors

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose mean, scale and the offsets, shape (N,)."""
        self.register()
        value, variance = pooled(x, y)
        total, here = plate_size(x, 1, self.data_size)
        own = dist.Gamma(self.log_shape.exp(), self.log_rate.exp())
        scale = pyro.sample("scale", own)
        if self.structured:
            check_all_rows(total, here)
            at, width = common_mean(value, variance, scale, self.mean_scale)
            # Particles ride in front of the plate's dimension, which is gone here.
            at, width = at.reshape(scale.shape), width.reshape(scale.shape)
            mean = pyro.sample("mean", dist.Normal(at, width))
            centre, width = mean, scale
        else:
            mean = pyro.sample("mean", dist.Normal(self.loc, self.log_scale.exp()))
            centre, width = self.centre, self.log_width.exp()
        with pyro.plate("data", total, subsample_size=here):
            pyro.sample("offset", dist.Normal(*offsets(value, variance, centre, width)))
