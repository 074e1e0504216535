"""The middle layer of a deep Boltzmann machine, both its neighbours summed out (torch)."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann


class DeepBoltzmann(RestrictedBoltzmann):
    """Hidden units h1 between the data x and the hidden units h2.

        f(h1) = sum_{x, h2} exp(b . x + c1 . h1 + c2 . h2 + x' W1 h1 + h1' W2 h2)

    As x and h2 are not connected, it is a restricted machine whose hidden units are both: a step of
    its kernel draws x and h2 given h1, the even layers, and then h1 given these, the odd one.

    Args:
        *energy: as of `RestrictedBoltzmann`, with h1 for the visible units and (x, h2), in this
            order, for the hidden ones.
        data_units: how many of these are x.
        **more: as of `RestrictedBoltzmann`.
    """

    def __init__(self, *energy: Any, data_units: int = 0, **more: Any) -> None:
        super().__init__(*energy, **more)
        self.data_units = data_units

    def _with(self, visible: Tensor, hidden: Tensor, **more: Any) -> Self:
        return super()._with(visible, hidden, data_units=self.data_units, **more)

    def codes(self, value: Tensor) -> Tensor:
        """The chances of h2 given h1."""
        return super().codes(value)[..., self.data_units :]

    def data_inputs(self, value: Tensor) -> Tensor:
        """The log odds of x given h1, (..., D)."""
        return self.inputs(value)[..., : self.data_units]

    def transition_given(
        self, value: Tensor, x: Tensor, held: Tensor, key: Any = None
    ) -> tuple[Tensor, Tensor]:
        """One step of the kernel in which some entries of the data stay: h1 and x.

        Args:
            value: h1, (..., H1).
            x: data, (..., D), whose entries stay where `held` is true.
            held: truth values, (..., D).
            key: a generator of torch's, or None for the one of all.
        """
        even = self.hidden_draw(value, key)
        drawn = torch.where(held, x, even[..., : self.data_units])
        even = torch.cat([drawn, even[..., self.data_units :]], -1)
        return self.visible_draw(even, key), drawn

    def mean_field(self, x: Tensor, sweeps: int) -> Tensor:
        """Log odds of h1 given x, by the fixed point of mean field, (..., H1).

        Begun from below alone, with twice its weight, as nothing comes from above yet.
        """
        below = x @ self.weight[:, : self.data_units].T
        found = self.visible + 2 * below
        weight, bias = self.weight[:, self.data_units :], self.hidden[self.data_units :]
        for _ in range(sweeps):
            above = torch.sigmoid(bias + found.sigmoid() @ weight)
            found = self.visible + below + above @ weight.T
        return found

    def predict(self, x: Tensor, held: Tensor, sweeps: int) -> Tensor:
        """Log odds of the entries of x given those that are held, by mean field, (..., D).

        Every sweep is unrolled, so that a gradient goes through all of them.

        Args:
            x: data, (..., D).
            held: 1 where an entry is given, 0 where it is not, likewise.
            sweeps: how many, one of them over all layers.
        """
        count, shape = self.data_units, (*x.shape[:-1], self.hidden.shape[-1])
        inputs = self.hidden.expand(shape)
        for _ in range(sweeps):
            means = inputs.sigmoid()
            data = held * x + (1 - held) * means[..., :count]
            inputs = self.inputs(self.outputs(torch.cat([data, means[..., count:]], -1)).sigmoid())
        return inputs[..., :count]
