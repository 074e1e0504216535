"""The middle layer of a deep Boltzmann machine, both its neighbours summed out (jax)."""

from __future__ import annotations

from typing import Any, Self

import jax.numpy as jnp
from jax import Array, random
from jax.nn import sigmoid

from ppl_models.networks.energies.restricted_machine_numpyro import RestrictedBoltzmann


class DeepBoltzmann(RestrictedBoltzmann):
    """Hidden units h1 between the data x and the hidden units h2.

    See `deep_machine.DeepBoltzmann`.
    """

    pytree_aux_fields = ("data_units",)

    def __init__(self, *energy: Any, data_units: int = 0, **more: Any) -> None:
        super().__init__(*energy, **more)
        self.data_units = data_units

    def _with(self, visible: Array, hidden: Array, **more: Any) -> Self:
        return super()._with(visible, hidden, data_units=self.data_units, **more)

    def codes(self, value: Any) -> Array:
        """The chances of h2 given h1."""
        return super().codes(value)[..., self.data_units :]

    def data_inputs(self, value: Any) -> Array:
        """The log odds of x given h1, (..., D)."""
        return self.inputs(value)[..., : self.data_units]

    def transition_given(self, value: Any, x: Any, held: Any, key: Any) -> tuple[Array, Array]:
        """One step of the kernel in which some entries of the data stay: h1 and x."""
        up, down = random.split(key)
        even = self.hidden_draw(value, up)
        drawn = jnp.where(held, x, even[..., : self.data_units])
        even = jnp.concatenate([drawn, even[..., self.data_units :]], -1)
        return self.visible_draw(even, down), drawn

    def mean_field(self, x: Any, sweeps: int) -> Array:
        """Log odds of h1 given x, by the fixed point of mean field, (..., H1)."""
        below = x @ self.weight[:, : self.data_units].T
        found = self.visible + 2 * below
        weight, bias = self.weight[:, self.data_units :], self.hidden[self.data_units :]
        for _ in range(sweeps):
            above = sigmoid(bias + sigmoid(found) @ weight)
            found = self.visible + below + above @ weight.T
        return found

    def predict(self, x: Any, held: Any, sweeps: int) -> Array:
        """Log odds of the entries of x given those that are held, by mean field, (..., D)."""
        count, shape = self.data_units, (*x.shape[:-1], self.hidden.shape[-1])
        inputs = jnp.broadcast_to(self.hidden, shape)
        for _ in range(sweeps):
            means = sigmoid(inputs)
            data = held * x + (1 - held) * means[..., :count]
            every = jnp.concatenate([data, means[..., count:]], -1)
            inputs = self.inputs(sigmoid(self.outputs(every)))
        return inputs[..., :count]
