"""A restricted Boltzmann machine as the prior of a layer of binary units (torch)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_law import means_like
from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann


class TopMachine(nn.Module):
    """The parameters of the machine at the top of a belief net.

    Args:
        start: initial values of `weight`, `visible_bias` and `hidden_bias`.
        centre: what is subtracted from its units in the energy.
    """

    weight: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor

    def __init__(self, start: Mapping[str, NDArray[Any]], centre: Centre) -> None:
        super().__init__()
        for name, value in start.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))
        self.centre = centre

    def forward(self, *, normalised: bool, burn_in: int) -> RestrictedBoltzmann:
        """The distribution of the machine's visible units."""
        weight, means = self.weight, means_like(self.centre.means, self.weight)
        visible, hidden = self.centre.plain(weight, self.visible_bias, self.hidden_bias, means)
        return RestrictedBoltzmann(
            weight, visible, hidden, normalised=normalised, burn_in=burn_in, means=means
        )
