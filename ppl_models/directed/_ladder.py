"""The ladder guide of layers of Gaussian latents, Pyro (Sonderby et al. 2016, arXiv:1602.02282)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.latent_variables.latents import precision_weighted


class LadderPair(PyroPair):
    """A pair whose guide may climb deterministically, and draw on its way down.

        d_l+1 = features of d_l, d_1 = x;    (m, s)_l = rung_l(d_l)
        z_L ~ Normal((m, exp(s))_L),
        z_l ~ the normalised product of Normal((m, exp(s))_l) and the model's own p(z_l | z_l+1)

    Attributes:
        latent_dims: sizes of z1 .. zL.
        encoders: rungs, from the data upwards.
        decoders: of the model, from the data upwards, which give mean and log scale but for x.
    """

    latent_dims: Sequence[int]
    encoders: nn.ModuleList
    decoders: nn.ModuleList

    def _descend(self, x: Tensor) -> None:
        """The ladder: up without draws, then down with them."""
        self.register("decoders")
        estimates, features = [], x
        for encoder in self.encoders:
            features, output = encoder(features)
            estimates.append(output.chunk(2, dim=-1))
        top = len(self.latent_dims)
        mean, log_scale = estimates.pop()
        z = pyro.sample(f"z{top}", dist.Normal(mean, log_scale.exp()).to_event(1))
        for level in reversed(range(1, top)):
            own, own_log_scale = self.decoders[level](z).chunk(2, dim=-1)
            mean, log_scale = precision_weighted(estimates.pop(), (own, own_log_scale))
            z = pyro.sample(f"z{level}", dist.Normal(mean, log_scale.exp()).to_event(1))
