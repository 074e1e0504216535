"""A restricted Boltzmann machine as the prior of a layer of binary units (flax NNX)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray

from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_law_numpyro import means_like
from ppl_models.networks.energies.restricted_machine_numpyro import RestrictedBoltzmann


class TopMachine(nnx.Module):
    """The parameters of the machine at the top of a belief net.

    See `top_machine.TopMachine`.
    """

    def __init__(self, start: Mapping[str, NDArray[Any]], centre: Centre) -> None:
        self.weight = nnx.Param(jnp.asarray(start["weight"]))
        self.visible_bias = nnx.Param(jnp.asarray(start["visible_bias"]))
        self.hidden_bias = nnx.Param(jnp.asarray(start["hidden_bias"]))
        self.centre = centre

    def __call__(self, *, normalised: bool, burn_in: int) -> RestrictedBoltzmann:
        """The distribution of the machine's visible units."""
        weight, visible, hidden = (
            part[...] for part in (self.weight, self.visible_bias, self.hidden_bias)
        )
        means = means_like(self.centre.means, weight)
        visible, hidden = self.centre.plain(weight, visible, hidden, means)
        return RestrictedBoltzmann(
            weight, visible, hidden, normalised=normalised, burn_in=burn_in, means=means
        )
